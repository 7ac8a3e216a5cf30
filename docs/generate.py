"""Write the pages of docs/reference that are made from the code: ``python docs/generate.py``."""

import os
from pathlib import Path

REFERENCE = Path(__file__).parent / "reference"
_MADE = "<!-- Made by docs/generate.py; change the code instead. -->"
_DIRECTIONS = {True: "higher", False: "lower", None: "–"}


def metrics() -> str:
    """Return the table of metrics."""
    from perfexp.metrics import METRICS, SYSTEM, stored_key

    lines = [
        "# Metrics",
        "",
        _MADE,
        "",
        "Every metric of a run, from `perfexp/metrics.py`. Percentages are 0–100, and MB is 10^6 bytes.",
        "Times are wall-clock times.",
        f"Metrics marked † are diagnostics, which the store keeps under `{SYSTEM}`.",
        "`load_runs` names them without that prefix.",
        "",
        "| metric | unit | better | meaning |",
        "|---|---|---|---|",
    ]
    for metric in METRICS.values():
        mark = " †" if stored_key(metric.name) != metric.name else ""
        better = _DIRECTIONS[metric.higher_is_better]
        lines.append(f"| `{metric.name}`{mark} | {metric.unit or '–'} | {better} | {metric.description} |")
    return "\n".join(lines) + "\n"


def verbs() -> str:
    """Return the help of every verb."""
    from perfexp import commands
    from perfexp.commands import _app

    lines = [
        "# Verbs and options",
        "",
        _MADE,
        "",
        "`perfexp VERB --help` prints these texts. Options are written `key=value`.",
    ]
    for verb in [commands.DEFAULT, *(name for name in commands.verbs() if name != commands.DEFAULT)]:
        usage = _app.usage(verb, commands._module(verb))
        lines += ["", f"## {_app.program(verb)}", "", "```text", usage, "```"]
    return "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    """Return the text of each generated page."""
    return {REFERENCE / "metrics.md": metrics(), REFERENCE / "verbs.md": verbs()}


def main() -> None:
    """Write the pages."""
    os.environ["COLUMNS"] = "100"
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
