"""Plug-ins by file name: a module dropped into a package is found, nothing else is edited."""

import importlib
import pkgutil
from types import ModuleType

from perfexp.errors import PerfexpError, nearest

_SCAFFOLD = {"base"}


def names(package: str) -> list[str]:
    """Modules of ``package`` that are plug-ins; a package within it is not one."""
    path = importlib.import_module(package).__path__
    found = pkgutil.iter_modules(path)
    return sorted(m.name for m in found if not m.ispkg and m.name not in _SCAFFOLD)


def find(package: str, name: str, what: str, error: type[PerfexpError]) -> ModuleType:
    """The plug-in module called ``name``.

    Raises:
        PerfexpError: of the given kind, when there is no such module.
    """
    known = names(package)
    if name not in known:
        raise error(f"There is no {what} named {name!r}: {nearest(name, known)}; choose one of them.")
    return importlib.import_module(f"{package}.{name}")
