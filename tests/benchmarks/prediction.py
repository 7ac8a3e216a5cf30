"""How well cells are predicted that were held out: ``python -m benchmarks.prediction [TABLE.csv …]``.

The study's table, and any of timm's benchmark tables given by path, are imported and validated by
the real commands; errors are printed beside those of two baselines, of the same held-out cells:
MACs only, and three plain features. Of a timm table the study's 27 models are told apart; all of
its models but the held-out ones take part in learning.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from perfexp import learning
from perfexp.analysis.prediction import physics, twins
from perfexp.analysis.prediction.predictor import fold
from perfexp.cache import Cache

STUDY_IN_TIMM = [
    "vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "resnet18",
    "resnet34", "resnet50", "resnet101", "resnet152", "densenet121", "densenet169", "densenet201",
    "densenet161", "inception_v3", "mobilenetv2_100", "mobilenetv3_large_100", "mobilenetv3_small_100",
    "resnext50_32x4d", "resnext101_32x8d", "wide_resnet50_2", "wide_resnet101_2", "mnasnet_100",
    "mnasnet_050",
]  # fmt: skip
BASELINES = (physics.MACS_ONLY, physics.PLAIN)
_FOLDS = 40


def main() -> None:
    """Import, validate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", type=Path, help="timm's benchmark-infer-*.csv")
    parser.add_argument("--folder", type=Path, default=Path("mlruns/benchmark"), help="kept, with its cache")
    parser.add_argument("--no-study", action="store_true", help="leave the study's table out")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    sources = {} if arguments.no_study else {"study": ["source=study"]}
    sources |= {path.stem: ["source=timm", f"path={path.resolve()}"] for path in arguments.tables}
    for name, source in sources.items():
        command("perfexp-import", *source, f"experiment={name}", folder=arguments.folder)
        command(
            "perfexp-predict",
            "validate=true",
            f"experiment={name}",
            f"output={name}",
            folder=arguments.folder,
        )
        report(name, arguments.folder)


def command(program: str, *arguments: str, folder: Path) -> None:
    """Run one of perfexp's commands beneath the folder."""
    found = shutil.which(program, path=str(Path(sys.executable).parent)) or program
    subprocess.run([found, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def report(name: str, folder: Path) -> None:
    """Print a table's errors by scheme, beside the baselines'."""
    held = pd.read_csv(folder / name / "validation.csv")
    root = (folder / "mlruns").resolve()
    asked = learning.Asked(name, None, None, False, f"sqlite:///{root / 'mlflow.db'}")
    cells = learning.cells(asked, Cache(root / "cache"), lambda _line: None).reset_index(drop=True)
    table = Table(title=f"{name}: {len(cells)} cells; median APE / MAPE, %", title_justify="left")
    for heading in (
        "held out",
        "cells",
        "perfexp",
        *(design.name for design in BASELINES),
        "90 % intervals hold",
    ):
        table.add_column(heading)
    for scheme, own in held.groupby("scheme"):
        simple = {design.name: baseline(cells, str(scheme), design) for design in BASELINES}
        for title, chosen in (("all", None), ("the study's", STUDY_IN_TIMM)):
            rows = own if chosen is None else own[own["model"].isin(chosen)]
            if chosen is not None and (name == "study" or rows.empty):
                continue
            inside = rows["measured_ms"].between(rows["low_ms"], rows["high_ms"]).mean()
            others = [
                errors(one if chosen is None else one[one["model"].isin(chosen)]) for one in simple.values()
            ]
            table.add_row(f"{scheme}, {title}", str(len(rows)), errors(rows), *others, f"{inside:.1%}")
    Console(width=130).print(table)


def baseline(cells: pd.DataFrame, scheme: str, design: physics.Design) -> pd.DataFrame:
    """The same cells, predicted by one non-negative fit without what the scheme holds out."""
    if scheme == "batch":
        return cells.iloc[:0].assign(measured_ms=[], predicted_ms=[])
    groups = twins.groups(cells) if scheme == "model" else cells["family"].to_numpy(str)
    folds, predicted = fold(groups, _FOLDS), np.empty(len(cells))
    for left_out in np.unique(folds):
        train = cells[folds != left_out]
        fitted = physics.fit(design, train, train["latency_ms"].to_numpy(float))
        predicted[folds == left_out] = fitted.predict(cells[folds == left_out])
    return cells.assign(measured_ms=cells["latency_ms"], predicted_ms=predicted)


def errors(rows: pd.DataFrame) -> str:
    """Median and mean absolute percentage error."""
    if rows.empty:
        return "-"
    error = 100 * (rows["predicted_ms"] / rows["measured_ms"] - 1).abs()
    return f"{error.median():.1f} / {error.mean():.1f}"


if __name__ == "__main__":
    main()
