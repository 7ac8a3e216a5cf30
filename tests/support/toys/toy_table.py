"""Lines of model, batch size and milliseconds, apart by blanks."""

from perfexp.published.base import Row, Source, SourceConfig, required


class ToySource(Source):
    """Three words a line."""

    Config = SourceConfig

    def title(self, path):
        return "toy"

    def rows(self, path):
        for number, line in enumerate(required(path, "toy").read_text().splitlines(), 1):
            model, batch_size, latency_ms = line.split()
            yield Row(f"line {number}", model, "toy-device", int(batch_size), float(latency_ms))


SOURCE = ToySource
