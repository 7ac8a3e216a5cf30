"""What is looked at before Hydra composes a configuration: early refusals, and free text."""

import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, cast, get_type_hints

from perfexp.config import overrides
from perfexp.config.options import leaves
from perfexp.errors import ConfigError

if TYPE_CHECKING:
    from omegaconf import DictConfig

_NOT_CHECKED = re.compile(r"[-+~]|hydra\b|[^=]*[@/]")
_COMMANDS = (
    *(
        ("--cfg", "-c"),
        ("--run", "-r"),
        ("--multirun", "-m"),
        ("--shell-completion", "-sc"),
        ("--info", "-i"),
    ),
)
"""Hydra's flags that each say what to do, of which it takes one."""
_FUNCTION = re.compile(r"\w+\(.*\)")
_WORD = re.compile(r"(?!(?i:true|false|inf|nan)$)[A-Za-z/.][\w./-]*")
"""What Hydra's grammar takes for text without quotation marks."""


def check(kind: type, arguments: Sequence[str]) -> None:
    """Refuse what Hydra would refuse later and more slowly: unknown keys, presets and impossible values.

    What needs Hydra's grammar, and fields of plug-ins' own, is left to Hydra.

    Raises:
        ConfigError: a key, a preset or a value that cannot be.
    """
    _check_flags(arguments)
    several = any(a in overrides.MULTIRUN or a.startswith("sweep=") for a in arguments)
    open_path = any(a.startswith(("--config", "-c", "hydra.searchpath")) for a in arguments)
    for argument in arguments:
        if _signed(argument)[1].strip().startswith("="):
            raise ConfigError(f"{argument!r} names no key; options are written key=value.")
    for key, text in (overrides.pair(a) for a in arguments if "=" in a and not _NOT_CHECKED.match(a)):
        values = text.split(",") if several and not _FUNCTION.fullmatch(text) else [text]
        plain = [value for value in values if value and not re.search(r"[\[\]{}()'\"$\\]", text)]
        if overrides.is_group(kind, key):
            if not open_path:
                for name in plain:
                    overrides.require_preset(overrides.field_of(kind, key), name.strip())
        else:
            _refuse_internal(kind, key)
            for value in plain:
                _check_value(key, *_owner(kind, key), value.strip(), several)


def _signed(argument: str) -> tuple[str, str]:
    """Return the sign by which Hydra adds or removes a key, and the rest."""
    rest = argument.lstrip("+~")
    return argument[: len(argument) - len(rest)], rest


def _check_flags(arguments: Sequence[str]) -> None:
    """Refuse flags that Hydra would end in a traceback for.

    Raises:
        ConfigError: two commands at once, or one that needs another.
    """
    given = {argument.partition("=")[0] for argument in arguments if argument.startswith("-")}
    commands = sorted(name for names in _COMMANDS for name in names if name in given)
    if len(commands) > 1:
        raise ConfigError(f"{' and '.join(commands)} cannot be given together; leave one out.")
    if "--resolve" in given and not given & {"--cfg", "-c", "--help", "-h"}:
        raise ConfigError("--resolve belongs to --cfg; give --cfg job --resolve.")


def _refuse_internal(kind: type, key: str) -> None:
    """Refuse a field that perfexp sets itself, which would replace what is typed."""
    top, _, rest = key.partition(".")
    nested = get_type_hints(kind).get(top)
    owner = nested if rest and is_dataclass(nested) else kind
    field = next((one for one in fields(owner) if one.name == (rest or top)), None)
    if field is not None and field.metadata.get("internal"):
        raise ConfigError(
            f"{key} is set by perfexp and cannot be given; leave it out: a sweep is called after its file "
            "in sweeps/, or sweep."
        )


def for_hydra(kind: type, argument: str, several: bool) -> str:
    """Return the argument with free text quoted, as Hydra's grammar requires.

    Args:
        kind: the dataclass of the configuration.
        argument: as typed.
        several: commas separate the values of a sweep.
    """
    sign, argument = _signed(argument)
    if sign and overrides.is_group(kind, argument.partition("=")[0]):
        return sign + for_hydra(kind, argument, several)
    if sign:
        return sign + argument
    key, equals, text = argument.partition("=")
    if not equals or _NOT_CHECKED.match(argument) or not _is_text(kind, key):
        return argument
    if _FUNCTION.fullmatch(text):
        return argument
    if several or overrides.is_group(kind, key):
        values = [value.strip() for value in overrides.split(text)] if several else [text]
        return f"{key}{equals}{','.join(v if _WORD.fullmatch(v) else overrides.quoted(v) for v in values)}"
    return f"{key}{equals}{overrides.quoted(text)}"


def _owner(kind: type, key: str) -> tuple[type | None, str]:
    """Return the dataclass that owns a value; None where only a plug-in knows the field."""
    top, _, rest = key.partition(".")
    nested = get_type_hints(kind).get(top)
    if not rest or not is_dataclass(nested):
        return kind, key
    if "plugins" in overrides.field_of(kind, top).metadata and rest not in get_type_hints(nested):
        return None, rest
    return cast(type, nested), rest


def _is_text(kind: type, key: str) -> bool:
    """Return whether the key takes text as typed: a preset's name, or a field of that type.

    A plug-in's own fields are taken for text too: OmegaConf makes their numbers of it.
    """
    if overrides.is_group(kind, key):
        return True
    leaf = next((leaf for leaf in leaves(kind) if leaf.key == key), None)
    if leaf is not None:
        return leaf.type in (str, str | None)
    try:
        return _owner(kind, key)[0] is None
    except StopIteration:
        return False


def _check_value(shown: str, kind: type | None, key: str, text: str, several: bool) -> None:
    from omegaconf import OmegaConf

    if kind is None:
        return
    if not several and "," in text:
        raise ConfigError(f"{shown}={text} names several values; add --multirun to sweep them.")
    overrides.assign(cast("DictConfig", OmegaConf.structured(kind)), key, text, shown)
