"""The option language of the verbs: ``key=value`` sets a field of the dataclass that owns it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import Field, dataclass, fields, is_dataclass
from enum import Enum
from itertools import product
from typing import TYPE_CHECKING, TypeVar, cast, get_args, get_origin, get_type_hints

from perfexp.config import catalog
from perfexp.errors import ConfigError, nearest
from perfexp.plugins import Kind

if TYPE_CHECKING:
    from omegaconf import DictConfig

Config = TypeVar("Config")
_NOT_CHECKED = re.compile(r"[-+~]|hydra\b|[^=]*[@/]")
_FUNCTION = re.compile(r"\w+\(.*\)")
_TRAILER = ("full_key:", "object_type=", "reference_type=")


@dataclass(frozen=True)
class Leaf:
    """A field that takes a value: its full key, type, default and meaning."""

    key: str
    type: object
    default: object
    meaning: str


def parse(kind: type[Config], arguments: Sequence[str]) -> Config:
    """Return the dataclass with its fields set from ``key=value`` arguments.

    A field that holds a dataclass takes the name of a preset (``model=resnet50``), and its own fields
    one by one (``model.classes=10``). Text is taken as it is typed; lists and mappings are YAML.

    Raises:
        ConfigError: an argument has another form, names no field, or its value does not fit.
    """
    from omegaconf import OmegaConf

    pairs = [_pair(argument) for argument in arguments]
    config = cast("DictConfig", OmegaConf.structured(kind))
    chosen = {key: value for key, value in pairs if _is_group(kind, key)}
    for field in fields(kind):  # type: ignore[arg-type]
        name = chosen.get(field.name, field.metadata.get("choose"))
        if name is not None:
            config[field.name] = _choice(field, name)
    for key, text in pairs:
        if key not in chosen:
            _set(config, key, text, key)
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise ConfigError(f"{missing[0]} has no value; give one, as in {missing[0]}=….")
    return cast(Config, OmegaConf.to_object(config))


def combinations(arguments: Sequence[str]) -> list[list[str]]:
    """Return one list of arguments for each combination of comma-separated values.

    Commas within brackets or quotation marks separate nothing.
    """
    pairs = [_pair(argument) for argument in arguments]
    return [list(one) for one in product(*([f"{key}={v}" for v in _split(text)] for key, text in pairs))]


def _split(text: str) -> list[str]:
    return re.findall(r"(?:\[[^\]]*\]|\{[^}]*\}|'[^']*'|\"[^\"]*\"|[^,])+", text) or [""]


def check(kind: type, arguments: Sequence[str]) -> None:
    """Refuse what Hydra would refuse later and more slowly: unknown keys, presets and impossible values.

    What needs Hydra's grammar, and fields of plug-ins' own, is left to Hydra.

    Raises:
        ConfigError: a key, a preset or a value that cannot be.
    """
    several = any(a in ("-m", "--multirun") or a.startswith("sweep=") for a in arguments)
    open_path = any(a.startswith(("--config", "-c", "hydra.searchpath")) for a in arguments)
    for key, text in (_pair(a) for a in arguments if "=" in a and not _NOT_CHECKED.match(a)):
        values = text.split(",") if several and not _FUNCTION.fullmatch(text) else [text]
        plain = [value for value in values if value and not re.search(r"[\[\]{}()'\"$\\]", text)]
        if _is_group(kind, key):
            if not open_path:
                for name in plain:
                    _require_preset(_field(kind, key), name.strip())
        else:
            for value in plain:
                _check_value(key, *_owner(kind, key), value.strip(), several)


def for_hydra(kind: type, argument: str, several: bool) -> str:
    """Return the argument with free text quoted, as Hydra's grammar requires.

    Args:
        kind: the dataclass of the configuration.
        argument: as typed.
        several: commas separate the values of a sweep.
    """
    key, equals, text = argument.partition("=")
    if not equals or _NOT_CHECKED.match(argument) or not _is_text(kind, key):
        return argument
    if text in ("", "null") or text[0] in "'\"[{" or _FUNCTION.fullmatch(text) or (several and "," in text):
        return argument
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', text)
    return f'{key}{equals}"{escaped}"'


def leaves(kind: type, prefix: str = "") -> Iterator[Leaf]:
    """Yield every field that takes a value, those of nested dataclasses behind their own."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        key, meaning = prefix + field.name, str(field.metadata.get("help", ""))
        if field.metadata.get("internal"):
            continue
        yield Leaf(key, hints[field.name], _default(field), meaning)
        if is_dataclass(hints[field.name]):
            yield from leaves(cast(type, hints[field.name]), f"{key}.")


def _default(field: "Field[object]") -> object:
    if "choose" in field.metadata:
        return field.metadata["choose"]
    if field.default_factory is not NO_DEFAULT:
        return field.default_factory()
    return field.default


def _pair(argument: str) -> tuple[str, str]:
    key, equals, text = argument.partition("=")
    if not equals or argument.startswith("-"):
        raise ConfigError(f"{argument!r} is no option; options are written key=value.")
    return key.strip(), text


def _field(kind: type, key: str) -> "Field[object]":
    return next(field for field in fields(kind) if field.name == key)


def _is_group(kind: type, key: str) -> bool:
    return any(f.name == key and is_dataclass(get_type_hints(kind)[key]) for f in fields(kind))


def _owner(kind: type, key: str) -> tuple[type | None, str]:
    """Return the dataclass that owns a value; None where only a plug-in knows the field."""
    top, _, rest = key.partition(".")
    nested = get_type_hints(kind).get(top)
    if not rest or not is_dataclass(nested):
        return kind, key
    if "plugins" in _field(kind, top).metadata and rest not in get_type_hints(nested):
        return None, rest
    return cast(type, nested), rest


def _is_text(kind: type, key: str) -> bool:
    return next((leaf.type in (str, str | None) for leaf in leaves(kind) if leaf.key == key), False)


def _choice(field: "Field[object]", name: str) -> object:
    """Return the schema of a group with the values of the preset ``name``."""
    from omegaconf import OmegaConf

    _require_preset(field, name)
    known = catalog.preset(field.name, name) or catalog.Preset(name)
    node = named_schema(known.schema, _schema(field, known.schema), "plugins" in field.metadata)
    for key in node:  # mappings take new keys, as in source.batch_columns
        if not OmegaConf.is_missing(node, key) and OmegaConf.is_dict(node[key]):
            OmegaConf.set_struct(node[key], False)
    return OmegaConf.merge(node, dict(known.values))


def named_schema(name: str, schema: type, is_plugin: bool = True) -> "DictConfig":
    """Return the node of a schema; a plug-in's ``name`` is its own if its dataclass sets none."""
    from omegaconf import OmegaConf

    node = cast("DictConfig", OmegaConf.structured(schema))
    if is_plugin and OmegaConf.is_missing(node, "name"):
        node.name = name
    return node


def _schema(field: "Field[object]", name: str) -> type:
    kind: Kind | None = field.metadata.get("plugins")
    return kind.schema(name) if kind else cast(type, field.type)


def _require_preset(field: "Field[object]", name: str) -> None:
    known = {*catalog.names(field.name)}
    if field.name == "sweep":
        known |= {"null", *_sweeps()}
    if name not in known and "plugins" in field.metadata:
        known |= set(field.metadata["plugins"].names())
    if name not in known:
        raise ConfigError(
            f"There is no {field.name} named {name!r}: {nearest(name, known)}; choose one of them."
        )


def _sweeps() -> set[str]:
    from pathlib import Path

    return {path.stem for folder in (catalog.sweeps_dir(), Path("sweeps")) for path in folder.glob("*.yaml")}


def _check_value(shown: str, kind: type | None, key: str, text: str, several: bool) -> None:
    from omegaconf import OmegaConf

    if kind is None:
        return
    if not several and "," in text:
        raise ConfigError(f"{shown}={text} names several values; add --multirun to sweep them.")
    _set(cast("DictConfig", OmegaConf.structured(kind)), key, text, shown)


def _set(config: "DictConfig", key: str, text: str, shown: str) -> None:
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    owner, _, name = key.rpartition(".")
    try:
        node = OmegaConf.select(config, owner) if owner else config
    except OmegaConfBaseException:
        node = None
    hints = get_type_hints(OmegaConf.get_type(node)) if isinstance(node, DictConfig) else {}
    if not isinstance(node, DictConfig) or name not in hints:
        known = [leaf.key for leaf in leaves(cast(type, OmegaConf.get_type(config)))]
        raise ConfigError(f"There is no option {shown!r}: {nearest(key, known)}; name one of them.")
    try:
        node[name] = _value(hints[name], text)
    except OmegaConfBaseException as error:
        lines = [line for line in str(error).splitlines() if not line.strip().startswith(_TRAILER)]
        raise ConfigError(f"{shown}={text} does not fit: {' '.join(lines).strip()}; correct it.") from error


def _value(hint: object, text: str) -> object:
    """Return the text as what the field's type takes: as it is for text, from YAML for all else."""
    import yaml

    kinds = [kind for kind in (get_args(hint) or (hint,)) if kind is not type(None)]
    if text == "null":
        return None
    if kinds[0] is str and get_origin(hint) not in (list, dict):
        quoted = len(text) > 1 and text[0] in "'\"" and text.find(text[0], 1) == len(text) - 1
        return text[1:-1] if quoted else text
    if get_origin(hint) is list and not text.startswith("["):
        return text.split(",")
    if isinstance(kinds[0], type) and issubclass(kinds[0], Enum):
        return text
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return {str(k): v for k, v in found.items()} if isinstance(found, dict) else found
