"""Plug-ins by name: a module dropped into a package, or announced by an installed distribution.

Another distribution announces a module of its own by an entry point of the kind's group:

    [project.entry-points."perfexp.backends"]
    mine = "their_package.their_backend"
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

from perfexp.errors import BackendError, ConfigError, DataError, ModelError, PerfexpError, nearest


@dataclass(frozen=True)
class Kind:
    """A kind of plug-in.

    Attributes:
        package: perfexp's own plug-ins are its modules, except ``base`` and private ones.
        group: entry points that name modules of other distributions.
        attribute: what each module defines.
        what: the kind's name in messages.
        error: raised for a name that no plug-in has.
    """

    package: str
    group: str
    attribute: str
    what: str
    error: type[PerfexpError]

    def names(self) -> list[str]:
        """Return the names of all plug-ins, sorted."""
        return sorted(_modules(self))

    def find(self, name: str) -> Any:
        """Return what the module of the plug-in called ``name`` defines.

        Raises:
            PerfexpError: of the kind's own type, if there is no such plug-in or its package cannot be
                imported.
        """
        known = _modules(self)
        if name not in known:
            raise self.error(
                f"There is no {self.what} named {name!r}: {nearest(name, known)}; choose one of them."
            )
        try:
            module = importlib.import_module(known[name])
        except ImportError as error:
            raise self.error(
                f"The {self.what} {name!r} cannot be imported ({error}); install what {known[name]} needs."
            ) from error
        if not hasattr(module, self.attribute):
            raise self.error(f"The module {known[name]} defines no {self.attribute}; a {self.what} has one.")
        return getattr(module, self.attribute)

    def schema(self, name: str) -> type:
        """Return the dataclass that configures the plug-in ``name``."""
        found: type = self.find(name).Config
        return found


@cache
def _modules(kind: Kind) -> Mapping[str, str]:
    """Return the plug-ins of a kind: name to module."""
    path = importlib.import_module(kind.package).__path__
    own = [m.name for m in pkgutil.iter_modules(path) if not m.ispkg and not m.name.startswith("_")]
    installed = {point.name: point.value for point in metadata.entry_points(group=kind.group)}
    return {**installed, **{name: f"{kind.package}.{name}" for name in own if name != "base"}}


BACKENDS = Kind("perfexp.backends", "perfexp.backends", "BACKEND", "backend", BackendError)
MODEL_SOURCES = Kind("perfexp.models.sources", "perfexp.model_sources", "SOURCE", "model source", ModelError)
DATASETS = Kind("perfexp.evaluation.datasets", "perfexp.datasets", "DATASET", "data set", DataError)
TABLES = Kind("perfexp.published", "perfexp.tables", "SOURCE", "source", ConfigError)
CHARTS = Kind("perfexp.charts.figures", "perfexp.charts", "CHARTS", "chart", ConfigError)
