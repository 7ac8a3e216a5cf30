"""A folder for each class: classes are numbered by the sorted names, as torchvision's ImageFolder does."""

from perfexp.errors import DataError
from perfexp.evaluation.datasets.base import DatasetConfig, FolderDataset, folder, images_below, item


class ImageFolder(FolderDataset):
    """``path/CLASS/…/image``."""

    def __init__(self, config: DatasetConfig) -> None:
        self.root = folder(config)
        images = images_below(self.root)
        self.class_names = sorted(entry.name for entry in self.root.iterdir() if entry.is_dir())
        loose = [path for path in images if path.parent == self.root]
        if loose:
            raise DataError(
                f"{len(loose)} images lie beside the class folders of {self.root} (first: {loose[0].name}); "
                "put each into the folder of its class."
            )
        number = {name: index for index, name in enumerate(self.class_names)}
        self.items = [item(self.root, path, number[path.relative_to(self.root).parts[0]]) for path in images]
        self.labelled_by = "names of folders, sorted"


DATASET = ImageFolder
