"""The program ``perfexp``: each module but private ones is a verb, imported when it is named.

A verb's module has a docstring, whose first line the list of verbs shows, a dataclass ``Config``, which
owns the options, and either ``main(settings)``, or ``launch(arguments)`` where Hydra composes the
configuration.
"""

import ast
import importlib
import pkgutil
import sys
from functools import cache
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from types import ModuleType

from perfexp import signals
from perfexp.commands import _app
from perfexp.console import say
from perfexp.errors import ConfigError, Exit, nearest

DEFAULT = "run"
_HELP, _VERSION = ("--help", "-h"), "--version"


def main() -> None:
    """Run the verb that the arguments name; measure where they name none.

    Raises:
        SystemExit: with a code of :class:`perfexp.errors.Exit`.
    """
    arguments = sys.argv[1:]
    named = bool(arguments) and "=" not in arguments[0] and arguments[0][0] not in "-+~"
    verb = arguments.pop(0) if named else DEFAULT
    with signals.never_lost(), _app.ended(_app.program(verb if verb in verbs() else DEFAULT)):
        if _VERSION in arguments:
            say(_app.version())
        elif not named and (not arguments or arguments[0] in _HELP):
            say(_app.overview({name: summary(name) for name in verbs()}, _module(DEFAULT)))
            sys.exit(Exit.DONE if arguments else Exit.USAGE)
        else:
            module = _module(verb)
            if any(argument in _HELP for argument in arguments):
                say(_app.usage(verb, module))
            else:
                _app.run(verb, module, arguments)


@cache
def verbs() -> list[str]:
    """Return the names of all verbs, sorted."""
    found = (module.name.rstrip("_") for module in pkgutil.iter_modules(__path__) if module.name[0] != "_")
    return sorted(found)


def summary(verb: str) -> str:
    """Return the first line of the verb's docstring; the module is not imported."""
    spec = find_spec(_module_name(verb))
    assert spec is not None and spec.origin is not None
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def _module(verb: str) -> ModuleType:
    if verb not in verbs():
        raise ConfigError(
            f"There is no verb {verb!r}: {nearest(verb, verbs())}; perfexp --help lists them, and options "
            "are written key=value."
        )
    return importlib.import_module(_module_name(verb))


def _module_name(verb: str) -> str:
    """Return the module of a verb; a verb that is a keyword of Python has an underscore behind it."""
    return f"{__name__}.{verb}_" if iskeyword(verb) else f"{__name__}.{verb}"
