"""The published study's table of inference times, shipped with the package."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perfexp.published.base import Broken, Row
from perfexp.published.csv import CsvConfig, CsvSource, Per

TABLE = Path(__file__).with_name("study_table.csv")


@dataclass
class StudyConfig(CsvConfig):
    """The layout of the study's table: mean time per image in ms, one column per batch size."""

    name: str = "study"
    per: Per = Per.image
    backend: str = "torch-colab"
    display_name_column: str | None = "paper_name"


class StudySource(CsvSource):
    """33 models × 7 batch sizes; ``path`` reads another table of the same layout."""

    Config = StudyConfig
    citation = "X. Wang, F. Zhao, P. Lin, Y. Chen, Internet of Things 20 (2022) 100609"

    def title(self, path: Path | None) -> str:
        return path.stem if path else "study"

    def rows(self, path: Path | None) -> Iterator[Row | Broken]:
        return super().rows(path or TABLE)


SOURCE = StudySource
