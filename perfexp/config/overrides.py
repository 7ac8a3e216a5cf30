"""The option language of the verbs: ``key=value`` sets a field of the dataclass that owns it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, TypeVar, cast, get_args, get_origin, get_type_hints

from perfexp.config import catalog
from perfexp.config.options import leaves, typed_name
from perfexp.errors import ConfigError, nearest, one_line
from perfexp.plugins import MODEL_SOURCES, Kind

if TYPE_CHECKING:
    from omegaconf import DictConfig

Config = TypeVar("Config")
MULTIRUN = ("--multirun", "-m")
_TRAILER = ("full_key:", "object_type=", "reference_type=")


def parse(kind: type[Config], arguments: Sequence[str]) -> Config:
    """Return the dataclass with its fields set from ``key=value`` arguments.

    A field that holds a dataclass takes the name of a preset (``model=resnet50``), and its own fields
    one by one (``model.classes=10``). Text is taken as it is typed; lists and mappings are YAML.

    Raises:
        ConfigError: an argument has another form, names no field, or its value does not fit.
    """
    from omegaconf import OmegaConf

    pairs = [pair(argument) for argument in arguments]
    config = cast("DictConfig", OmegaConf.structured(kind))
    chosen = {key: value for key, value in pairs if is_group(kind, key)}
    for field in fields(kind):  # type: ignore[arg-type]
        name = chosen.get(field.name, field.metadata.get("choose"))
        if name is not None:
            config[field.name] = _choice(field, name)
    for key, text in pairs:
        if key not in chosen:
            assign(config, key, text, key)
    return complete(config, kind)


def complete(config: "DictConfig", kind: type[Config]) -> Config:
    """Return the configuration as the dataclass that owns its types.

    Raises:
        ConfigError: a value is missing.
    """
    from omegaconf import OmegaConf

    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise ConfigError(f"{missing[0]} has no value; give one, as in {missing[0]}=….")
    found = OmegaConf.to_object(config)
    assert isinstance(found, kind)
    return found


def quoted(text: str) -> str:
    """Return one value between quotation marks, unless it is null, a list or quoted as it is."""
    if text in ("", "null") or text[0] in "'\"[{":
        return text
    escaped = re.sub(r'(\\*)("|\Z)', lambda m: m[1] * 2 + ('\\"' if m[2] else ""), text)
    return f'"{escaped}"'


def unquoted(text: str) -> str:
    """Return the text without the quotation marks around it, as it was before :func:`quoted`."""
    if len(text) < 2 or text[0] not in "'\"" or text[-1] != text[0]:
        return text
    return text[1:-1].replace(f"\\{text[0]}", text[0])


def combinations(arguments: Sequence[str]) -> list[list[str]]:
    """Return one list of arguments for each combination of comma-separated values.

    Commas within brackets or quotation marks separate nothing.
    """
    pairs = [pair(argument) for argument in arguments]
    return [list(one) for one in product(*([f"{key}={v}" for v in split(text)] for key, text in pairs))]


def split(text: str) -> list[str]:
    """Return the values between commas; those within brackets or quotation marks separate nothing."""
    return re.findall(r"(?:\[[^\]]*\]|\{[^}]*\}|'[^']*'|\"[^\"]*\"|[^,])+", text) or [""]


def named(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words that only name something, and the options."""
    return [word for word in arguments if "=" not in word], [word for word in arguments if "=" in word]


def pair(argument: str) -> tuple[str, str]:
    """Return key and text of ``key=value``.

    Raises:
        ConfigError: the argument has another form.
    """
    key, equals, text = argument.partition("=")
    if not equals or argument.startswith("-"):
        raise ConfigError(f"{argument!r} is no option; options are written key=value.")
    return key.strip(), text


def field_of(kind: type, key: str) -> "Field[object]":
    """Return the field called ``key``."""
    return next(field for field in fields(kind) if field.name == key)


def is_group(kind: type, key: str) -> bool:
    """Return whether the field takes the name of a preset."""
    return any(f.name == key and is_dataclass(get_type_hints(kind)[key]) for f in fields(kind))


def _choice(field: "Field[object]", name: str) -> object:
    """Return the schema of a group with the values of the preset ``name``."""
    from omegaconf import OmegaConf

    require_preset(field, name)
    known = catalog.preset(field.name, name) or _of_library(field.name, name) or catalog.Preset(name)
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


def require_preset(field: "Field[object]", name: str) -> None:
    """Refuse a name that no preset and no plug-in of the group has.

    Raises:
        ConfigError: there is no such preset.
    """
    known = {*catalog.names(field.name)}
    if field.name == "sweep":
        known |= {"null", *(path.stem for path in catalog.sweeps())}
    if name not in known and "plugins" in field.metadata:
        known |= set(field.metadata["plugins"].names())
    if name not in known and not _of_library(field.name, name):
        raise ConfigError(unknown_preset(field.name, name, known))


def unknown_preset(group: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence about a name without a preset: the nearest, and where other models come from."""
    told = f"There is no {group} named {name!r}: {nearest(name, known)}; choose one of them"
    return f"{told}, or another model of torchvision or timm by its name." if group == "model" else f"{told}."


def _of_library(group: str, name: str) -> "catalog.Preset | None":
    """Return what a model's own file would hold if it is one of a library; None for all else."""
    source = library_of(name) if group == "model" else None
    return catalog.Preset("model", {"source": source, "name": name}) if source else None


@cache
def library_of(model: str) -> str | None:
    """Return the library that has the model, torchvision if several have; names with tags are timm's."""
    tagged = "." in model
    ordered = sorted(MODEL_SOURCES.names(), reverse=not tagged)
    return next((one for one in ordered if MODEL_SOURCES.find(one).has(model)), None)


def assign(config: "DictConfig", key: str, text: str, shown: str) -> None:
    """Set a field from text; messages call it ``shown``.

    Raises:
        ConfigError: there is no such field, or the text does not fit it.
    """
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    owner, _, name = key.rpartition(".")
    try:
        node = OmegaConf.select(config, owner) if owner else config
    except OmegaConfBaseException:
        node = None
    hints = get_type_hints(OmegaConf.get_type(node)) if isinstance(node, DictConfig) else {}
    name = next((field for field in hints if typed_name(field) == name), name)
    if not isinstance(node, DictConfig) or name not in hints:
        known = [leaf.key for leaf in leaves(cast(type, OmegaConf.get_type(config)))]
        raise ConfigError(f"There is no option {shown!r}: {nearest(key, known)}; name one of them.")
    try:
        node[name] = _value(hints[name], text)
    except OmegaConfBaseException as error:
        reason = without_trailer(str(error))
        raise ConfigError(f"{shown}={text} does not fit: {reason}; correct it.") from error


def without_trailer(message: str) -> str:
    """Return a message of OmegaConf on one line, without its trailer of types."""
    lines = [line for line in message.splitlines() if not line.strip().startswith(_TRAILER)]
    return one_line(" ".join(lines))


def _value(hint: object, text: str) -> object:
    """Return the text as what the field's type takes: as it is for text, from YAML for all else."""
    import yaml

    from perfexp.config import yaml_reader

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
        found = yaml_reader.read(text)
    except yaml.YAMLError:
        return text
    return {str(k): v for k, v in found.items()} if isinstance(found, dict) else found
