"""A library of one network."""

from perfexp.models.base import Facts, Preprocessing, Source


class ToySource(Source):
    """One linear layer."""

    packages = ("torch",)

    def names(self):
        return ["tiny"]

    def facts(self, name):
        return Facts(input_size=32, family="toy")

    def preprocessing(self, name, input_size, resize):
        from torchvision.transforms.functional import to_tensor

        return Preprocessing("toy", "to_tensor", to_tensor)

    def build(self, name, input_size, pretrained, classes=1000):
        from torch import nn

        return nn.Sequential(nn.Flatten(), nn.Linear(3 * input_size**2, classes))


SOURCE = ToySource()
