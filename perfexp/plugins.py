"""Plug-ins by file name: a module dropped into a package is found, nothing else is edited."""

import importlib
import pkgutil
from types import ModuleType

from perfexp.errors import PerfexpError, nearest


def names(package: str) -> list[str]:
    """Return the plug-in modules of ``package``: not ``base``, not packages, not private modules."""
    path = importlib.import_module(package).__path__
    found = pkgutil.iter_modules(path)
    return sorted(m.name for m in found if not m.ispkg and m.name != "base" and not m.name.startswith("_"))


def find(package: str, name: str, what: str, error: type[PerfexpError]) -> ModuleType:
    """The plug-in module called ``name``.

    Raises:
        PerfexpError: of the given kind, when there is no such module.
    """
    known = names(package)
    if name not in known:
        raise error(f"There is no {what} named {name!r}: {nearest(name, known)}; choose one of them.")
    return importlib.import_module(f"{package}.{name}")
