"""Write the pages of docs/reference that are made from the code: ``python docs/generate.py``."""

import ast
import os
from importlib.util import find_spec
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


def python() -> str:
    """Return the signatures and docstrings of what the package offers; nothing is imported."""
    import perfexp

    lines = [
        "# Python",
        "",
        _MADE,
        "",
        "`import perfexp` offers these functions. [Query runs](../guides/query.md) has recipes.",
        "`perfexp.METRICS` is the table of [metrics](metrics.md).",
    ]
    for name in perfexp.__all__:
        if name != "METRICS":
            lines += ["", f"## {name}", "", "```text", *_function(perfexp._PLACES[name], name), "```"]
    return "\n".join(lines) + "\n"


def _function(module: str, name: str) -> list[str]:
    """Return a function's signature, one argument a line, and its docstring."""
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    [found] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    given = found.args
    defaults = [None] * (len(given.args) - len(given.defaults)) + given.defaults
    shown = [*map(_argument, given.args, defaults), *["*"][: len(given.kwonlyargs)]]
    shown += map(_argument, given.kwonlyargs, given.kw_defaults)
    if given.kwarg:
        shown.append(f"**{_argument(given.kwarg, None)}")
    text = ast.get_docstring(found) or ""
    returns = ast.unparse(found.returns).strip("'") if found.returns else "None"
    return [f"perfexp.{name}(", *(f"    {one}," for one in shown), f") -> {returns}", "", text]


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    typed = f": {ast.unparse(argument.annotation).strip(chr(39))}" if argument.annotation else ""
    return f"{argument.arg}{typed}" + (f" = {ast.unparse(default)}" if default else "")


def pages() -> dict[Path, str]:
    """Return the text of each generated page."""
    made = {"metrics": metrics(), "python": python(), "verbs": verbs()}
    return {REFERENCE / f"{name}.md": text for name, text in made.items()}


def main() -> None:
    """Write the pages."""
    os.environ["COLUMNS"] = "100"
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
