"""What the Hydra commands share: a composed config, and what goes wrong as a sentence."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeVar

import hydra
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from perfexp.commands import _schemas
from perfexp.config import catalog
from perfexp.errors import PerfexpError, nearest
from perfexp.store import connection

BAD_INPUT, INTERRUPTED = 2, 130
_TYPE_TRAILER = ("full_key:", "object_type=", "reference_type=")
_EXTRAS = {"hydra/launcher/submitit_slurm": "perfexp[slurm]", "hydra/launcher/ray": "perfexp[ray]"}
Config = TypeVar("Config")


class Command:
    """One console command.

    Attributes:
        program: its name, in messages.
        config_name: its file in conf/.
        aliases: option to the config's own key, where a group of conf/ has the option's name.
        typed: the arguments as the user gave them.
    """

    def __init__(self, program: str, config_name: str, aliases: Mapping[str, str] | None = None) -> None:
        self.program = program
        self.config_name = config_name
        self.aliases = aliases or {}
        self.typed: tuple[str, ...] = ()

    def launch(self, task: Callable[[DictConfig], object], finish: Callable[[], None] | None = None) -> None:
        """Compose the config and run ``task`` on it, then ``finish`` whatever happened.

        Raises:
            SystemExit: 2 on bad input, 130 on Ctrl-C, after one sentence on stderr.
        """
        os.environ.setdefault("HYDRA_FULL_ERROR", "1")
        signal.signal(signal.SIGTERM, _terminated)
        try:
            self._run(task, finish)
        except KeyboardInterrupt:
            self.exit("Stopped by Ctrl-C; the runs that were finished are kept.", INTERRUPTED)
        except MissingConfigException as error:
            self.exit(_unknown_choice(error))
        except (PerfexpError, HydraException, OmegaConfBaseException) as error:
            self.exit(_sentence(error))
        except OSError as error:
            self.exit(_unusable(error))

    def telling(self, task: Callable[[DictConfig], None]) -> Callable[[DictConfig], None]:
        """``task``, with its errors told before Hydra adds a line of its own to them."""

        def told(config: DictConfig) -> None:
            try:
                task(config)
            except PerfexpError as error:
                self.exit(str(error))
            except OSError as error:
                self.exit(_unusable(error))

        return told

    def settings(self, config: DictConfig, kind: type[Config]) -> Config:
        """The config as the dataclass that owns its types; a missing value ends the command."""
        missing = sorted(OmegaConf.missing_keys(config))
        if missing:
            self.exit(f"{missing[0]} has no value; give one, as in {missing[0]}=….")
        settings = OmegaConf.to_object(config)
        assert isinstance(settings, kind)
        return settings

    def exit(self, sentence: str, code: int = BAD_INPUT) -> NoReturn:
        """End the command with one sentence on stderr; it is the exit's note as well."""
        print(f"{self.program}: {sentence}", file=sys.stderr)
        stop = SystemExit(code)
        stop.add_note(sentence)
        raise stop

    def text(self, config: DictConfig) -> str:
        """The resolved config as YAML, for an artifact; addresses without their credentials."""
        return connection.redacted(OmegaConf.to_yaml(config, resolve=True))

    def _refuse_credentials(self) -> None:
        """Hydra keeps what is typed, and the files that it composes, as files of its own."""
        files = [
            *(catalog.conf_dir() / "tracking").glob("*.yaml"),
            *Path("sweeps").glob("*.yaml"),
        ]
        texts = {path.as_posix(): path.read_text(encoding="utf-8", errors="replace") for path in files}
        texts |= {argument.partition("=")[0]: argument for argument in self.typed}
        for place, text in texts.items():
            if connection.redacted(text) != text:
                self.exit(
                    f"{place} holds an address with credentials, which would be kept beside the runs; set "
                    "MLFLOW_TRACKING_URI, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
                )

    def _own_key(self, argument: str) -> str:
        option, equals, value = argument.partition("=")
        return f"{self.aliases.get(option, option)}{equals}{value}"

    def _run(self, task: Callable[[DictConfig], object], finish: Callable[[], None] | None) -> None:
        _schemas.register()
        self.typed = tuple(sys.argv[1:])
        self._refuse_credentials()
        sys.argv[1:] = [_schemas.spelled(self._own_key(argument)) for argument in self.typed]
        folder = str(catalog.conf_dir())
        run = hydra.main(version_base="1.3", config_path=folder, config_name=self.config_name)
        try:
            run(self._guarded(task))()
        finally:
            if finish is not None:
                finish()

    def _guarded(self, task: Callable[[DictConfig], object]) -> Callable[[DictConfig], object]:
        """The task, its errors ended here: Hydra would print lines of its own before ours."""

        @wraps(task)
        def guarded(config: DictConfig) -> object:
            try:
                return task(config)
            except (PerfexpError, OmegaConfBaseException) as error:
                self.exit(_sentence(error))

        return guarded


def _unusable(error: OSError) -> str:
    return f"{error.filename or 'A file'} cannot be used ({error.strerror}); check disk and rights."


def _unknown_choice(error: MissingConfigException) -> str:
    missing = str(error.missing_cfg_file)
    group, _, name = missing.rpartition("/")
    if missing in _EXTRAS:
        return f"{group} needs what is not installed; pip install '{_EXTRAS[missing]}'."
    close = nearest(name, error.options or [])
    return f"There is no {group or 'config'} named {name!r}: {close}; choose one of them."


def _sentence(error: Exception) -> str:
    """The error's own words on one line, without OmegaConf's trailer of types."""
    text = (
        f"{error}: {error.__cause__}"
        if error.__cause__ and not isinstance(error, PerfexpError)
        else str(error)
    )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(line for line in lines if not line.startswith(_TYPE_TRAILER))


def _terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)
