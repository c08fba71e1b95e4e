"""A strategy's parameters: a dataclass, and the values that a scenario gives it."""

import dataclasses
import difflib
import typing

try:
    from types import UnionType
except ImportError:  # Python 3.9
    UnionType = typing.Union


class ParameterError(Exception):
    """A value that a parameter cannot have; `path` is its key in the scenario."""

    def __init__(self, path, problem):
        super().__init__(f"{path}: {problem}")
        self.path, self.problem = path, problem


def dataclass_of(strategy):
    """The class's `Parameters` as a dataclass."""
    parameters = strategy.Parameters
    if not dataclasses.is_dataclass(parameters):
        unannotated = [
            name
            for name, value in vars(parameters).items()
            if not name.startswith("_")
            and name not in vars(parameters).get("__annotations__", {})
            and not callable(value)
        ]
        if unannotated:
            raise TypeError(
                f"{parameters.__qualname__}.{unannotated[0]} has no type; "
                f"write `{unannotated[0]}: float = …`"
            )
        parameters = dataclasses.dataclass(parameters)
    return parameters


def read(strategy, values):
    """The parameters with these values, which are JSON."""
    parameters = dataclass_of(strategy)
    types = typing.get_type_hints(parameters)
    fields = {field.name: field for field in dataclasses.fields(parameters) if field.init}
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, 1)
            known = f"; did you mean `{near[0]}`?" if near else f"; there are {_listed(fields)}"
            raise ParameterError(key, f"unknown parameter{known}")
    for name, field in fields.items():
        has_default = (
            field.default is not dataclasses.MISSING
            or field.default_factory is not dataclasses.MISSING
        )
        if name not in values and not has_default:
            raise ParameterError(name, f"is required, of type {_shown(types[name])}")
    taken = {key: _convert(key, value, types[key]) for key, value in values.items()}
    try:
        return parameters(**taken)
    except ValueError as error:  # from __post_init__
        raise ParameterError("", str(error)) from error


def _listed(fields):
    return ", ".join(f"`{name}`" for name in fields) or "none"


def _convert(path, value, expected):
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if expected is typing.Any:
        return value
    if origin in (typing.Union, UnionType):
        for option in arguments:
            try:
                return _convert(path, value, option)
            except ParameterError:
                pass
    elif origin is typing.Literal:
        if value in arguments:
            return value
    elif expected is type(None):
        if value is None:
            return None
    elif expected is bool:
        if isinstance(value, bool):
            return value
    elif expected is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif expected is float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    elif expected is str:
        if isinstance(value, str):
            return value
    elif expected in (list, dict):
        if isinstance(value, expected):
            return value
    elif origin in (list, tuple) and isinstance(value, list):
        if origin is list:
            return [_convert(f"{path}[{at}]", item, arguments[0]) for at, item in enumerate(value)]
        if len(arguments) == len(value):
            pairs = enumerate(zip(value, arguments))
            return tuple(_convert(f"{path}[{at}]", item, type_) for at, (item, type_) in pairs)
    elif origin is dict and isinstance(value, dict):
        return {key: _convert(f"{path}.{key}", item, arguments[1]) for key, item in value.items()}
    raise ParameterError(path, f"expected {_shown(expected)}, got {value!r}")


def _shown(expected):
    if typing.get_origin(expected) is typing.Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(expected)))
    return getattr(expected, "__name__", None) if isinstance(expected, type) else str(expected)
