"""Settings: frozen dataclasses filled from YAML, rosparam or the command line, with errors that name the key and the
mend."""

import math
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import yaml

from control_bench.errors import BadInput, nearest

T = TypeVar("T")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def fill(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """A settings dataclass from a mapping; keys not named keep their defaults.

    Args:
        where: what the values came from, for the errors: "config/drivebot/dqn.yaml", "--set".

    Raises:
        BadInput: an unknown key (with the nearest one), a value of another type, or what `__post_init__` refuses.
    """
    known = {field.name: field for field in fields(cls)}
    hints = typing.get_type_hints(cls)
    checked = {}
    for key, value in values.items():
        if key not in known:
            raise BadInput(f"{where}: unknown key '{key}', {nearest(key, known)}")
        checked[key] = _convert(value, hints[key], f"{where}: {key}")
    missing = [
        n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING and n not in checked
    ]
    if missing:
        raise BadInput(f"{where}: '{missing[0]}' is missing: give it a value")
    try:
        return cls(**checked)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None


def _convert(value: Any, kind: Any, what: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _convert(value, next(a for a in arguments if a is not type(None)), what)
    if origin is Literal:
        if value not in arguments:
            raise BadInput(f"{what}: '{value}' is not a choice, {nearest(str(value), map(str, arguments))}")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise BadInput(f"{what}: {value!r} should be a list")
        return tuple(_convert(item, arguments[0], what) for item in value)
    if kind is float and not isinstance(value, bool):
        value = _as_float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
        raise BadInput(f"{what}: {value!r} should be {names.get(kind, kind.__name__)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"{what}: {value!r} should be finite")
    return value


def _as_float(value: Any) -> Any:
    """Whole numbers, and texts such as 1e-3, which YAML 1.1 takes for no number, as floats; the rest as it is."""
    if isinstance(value, int) or (isinstance(value, str) and NUMBER.fullmatch(value)):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    return value


def require(condition: bool, message: str) -> None:
    """BadInput with the message unless the condition holds; for `__post_init__` of settings."""
    if not condition:
        raise BadInput(message)


def require_positive(settings: Any, *names: str) -> None:
    """BadInput unless each of the named settings is above zero."""
    for name in names:
        require(getattr(settings, name) > 0, f"{name}: {getattr(settings, name)!r} should be above 0")


def require_layers(settings: Any, *names: str) -> None:
    """BadInput unless each of the named settings holds sizes of layers."""
    for name in names:
        require(all(units > 0 for units in getattr(settings, name)), f"{name} should be layer sizes above 0")


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping; BadInput in one line if it can't be read or holds anything else."""
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: can't be read ({getattr(error, 'strerror', None) or 'not text'})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise BadInput(f"{path}: not YAML{line} ({getattr(error, 'problem', None) or 'malformed'})") from None
    if not isinstance(values, dict):
        raise BadInput(f"{path}: should hold 'key: value' lines")
    return values


def parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """`["rows=3", "encoder=raw"]` as a mapping, each value read as YAML."""
    values = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise BadInput(f"--set {assignment}: write key=value")
        try:
            values[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise BadInput(f"--set {assignment}: the value is not YAML") from None
    return values
