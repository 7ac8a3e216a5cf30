"""What all verbs share: help made from dataclasses, errors as sentences, exit codes."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from enum import Enum
from shutil import get_terminal_size
from textwrap import wrap
from types import ModuleType, NoneType
from typing import NoReturn, get_args, get_origin

from omegaconf import MISSING

from perfexp import signals
from perfexp.commands import _refused
from perfexp.config import catalog, options, overrides
from perfexp.console import say
from perfexp.errors import Exit, PerfexpError, one_line

_MIN_WIDTH, _MAX_WIDTH = 80, 120
_EXITS = {
    Exit.DONE: "done",
    Exit.FAILED: "something failed",
    Exit.USAGE: "usage or configuration",
    Exit.STORE: "the store cannot be used",
    Exit.NOTHING_TO_DO: "nothing to do",
    Exit.INTERRUPTED: "Ctrl-C",
    Exit.TERMINATED: "SIGTERM",
}


def program(verb: str) -> str:
    """Return how messages name the verb."""
    return "perfexp" if verb == "run" else f"perfexp {verb}"


def version() -> str:
    """Return the program's name and version."""
    from importlib import metadata

    return f"perfexp {metadata.version('perfexp')}"


def run(verb: str, module: ModuleType, arguments: Sequence[str]) -> NoReturn:
    """Run a verb, and end the program with its exit code.

    Raises:
        SystemExit: always.
    """
    signal.signal(signal.SIGTERM, signals.terminate)
    os.environ.setdefault("PYTHONSAFEPATH", "1")  # no child, nor job, runs a module of the current directory
    _refused.credentials(arguments)
    for path in catalog.shadowed():
        say(f"{path} is not used: perfexp has a preset of that name; give it another.", file=sys.stderr)
    if hasattr(module, "launch"):
        sys.exit(module.launch(arguments))
    if not arguments and getattr(module, "NEEDS_ARGUMENTS", False):
        say(usage(verb, module), file=sys.stderr)
        sys.exit(Exit.USAGE)
    several = [argument for argument in arguments if argument not in overrides.MULTIRUN]
    jobs = overrides.combinations(several) if len(several) < len(arguments) else [several]
    settings = [overrides.parse(module.Config, job) for job in jobs]
    sys.exit(max(module.main(one) or Exit.DONE for one in settings))


@contextmanager
def ended(name: str) -> Iterator[None]:
    """End the program where the body raises: one sentence on stderr, and an exit code.

    Raises:
        SystemExit: instead of the errors that a user can solve.
    """
    try:
        yield
    except KeyboardInterrupt:
        stop(name, "Stopped by Ctrl-C; the runs that were finished are kept.", Exit.INTERRUPTED)
    except PerfexpError as error:
        stop(name, one_line(str(error)), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has seen enough
        sys.exit(Exit.DONE)
    except OSError as error:
        place = error.filename or "A file"
        stop(name, f"{place} cannot be used ({error.strerror or error}); check disk and rights.")


def stop(name: str, sentence: str, code: Exit = Exit.USAGE) -> NoReturn:
    """End the program with one sentence on stderr, which is the exit's note as well.

    Raises:
        SystemExit: always.
    """
    say(f"{name}: {sentence}", file=sys.stderr, flush=True)
    ending = SystemExit(int(code))
    ending.add_note(sentence)
    raise ending


def overview(verbs: Mapping[str, str], measuring: ModuleType) -> str:
    """Return the help of the program: the verbs with a line each, and the options of measuring."""
    shown = [(f"perfexp {verb}", line) for verb, line in verbs.items() if verb != "run"]
    return "\n".join(
        [
            *_prose(measuring),
            "",
            "Verbs (perfexp VERB --help shows the options of one)",
            *_rows(shown),
            "",
            "Options of measuring",
            *_options(measuring.Config),
            "",
            _exit_codes(),
        ]
    )


def usage(verb: str, module: ModuleType) -> str:
    """Return the help of a verb, made from its docstring and its dataclass."""
    head = f"{program(verb)} [KEY=VALUE …]"
    options = ["Options", *_options(module.Config)]
    return "\n".join([head, "", *_prose(module), "", *options, "", _exit_codes()])


def _exit_codes() -> str:
    return "\n".join(
        _wrapped("Exit codes: " + ", ".join(f"{code:d} {text}" for code, text in _EXITS.items()), 0)
    )


def _prose(module: ModuleType) -> list[str]:
    return (module.__doc__ or "").strip().splitlines()


def _options(config: type) -> list[str]:
    leaves = [leaf for leaf in options.leaves(config) if leaf.meaning]
    rows = [(leaf.key, " ".join(filter(None, (leaf.meaning, _facts(leaf))))) for leaf in leaves]
    return _rows(rows)


def _facts(leaf: options.Leaf) -> str:
    if is_dataclass(leaf.type):
        return f"[{leaf.default}]" if isinstance(leaf.default, str) and leaf.default != MISSING else ""
    default = "" if leaf.default in (MISSING, None) else f" [{_text(leaf.default)}]"
    return f"({_type(leaf.type)}){default}"


def _type(hint: object) -> str:
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    if get_origin(hint) in (list, dict):
        return f"{get_origin(hint).__name__} of {', '.join(map(_type, kinds))}"  # type: ignore[union-attr]
    kind = kinds[0] if kinds else hint
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    return getattr(kind, "__name__", str(kind))


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _rows(rows: Sequence[tuple[str, str]]) -> list[str]:
    left = max(len(name) for name, _ in rows) + 4
    lines = []
    for name, text in rows:
        first, *rest = _wrapped(text, left) or [""]
        lines += [f"  {name:{left - 2}}{first.strip()}", *rest]
    return lines


def _wrapped(text: str, indent: int) -> list[str]:
    width = min(max(get_terminal_size((_MIN_WIDTH + 20, 24)).columns, _MIN_WIDTH), _MAX_WIDTH)
    return wrap(text, width, initial_indent=" " * indent, subsequent_indent=" " * indent)
