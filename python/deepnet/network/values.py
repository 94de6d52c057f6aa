"""Settings and records as JSON, for the description of a model in a file: values of known types, no code.

Numbers, strings, None, bools and lists stand for themselves. Everything else is an object with one of the
keys in `_READERS`, which say what it is. Arrays of numbers go to the arrays of the file; so does whatever
takes over 4 KB of JSON, as bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from deepnet import schedules
from deepnet._files import quoted
from deepnet.activations import Array
from deepnet.losses import LOSSES, Loss
from deepnet.optimizers import OPTIMIZERS
from deepnet.schedules import Schedule

INLINE = 4096  # bytes of JSON
_KINDS = {name: np.dtype(name) for name in ("bool", "str", "bytes", "float32", "float64")}
_KINDS |= {f"{sign}int{bits}": np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)}
_OPTIMIZERS = {kind.__name__: kind for kind in OPTIMIZERS.values()}
_SCHEDULES = {
    name: kind
    for name, kind in vars(schedules).items()
    if isinstance(kind, type) and issubclass(kind, Schedule) and kind is not Schedule
}


class Unsavable(TypeError):
    """A value that a file cannot hold, such as a function."""


# --- writing ------------------------------------------------------------------------------------------------


def encoded(value: Any, arrays: dict[str, Array], name: str) -> Any:
    """Return `value` as JSON; what does not fit there goes to `arrays`, with names that start with `name`."""
    return spilled(_encoded(value, arrays, name), arrays, name)


def _encoded(value: Any, arrays: dict[str, Array], name: str) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else {"float": repr(value)}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, list):
        return [_encoded(entry, arrays, f"{name}.{i}") for i, entry in enumerate(value)]
    if isinstance(value, tuple):
        return {"tuple": [_encoded(entry, arrays, f"{name}.{i}") for i, entry in enumerate(value)]}
    if isinstance(value, (set, frozenset)):
        return {"set": [_encoded(entry, arrays, name) for entry in sorted(value, key=repr)]}
    if isinstance(value, dict):
        entries = enumerate(value.items())
        return {"dict": [[_encoded(part, arrays, f"{name}.{i}") for part in pair] for i, pair in entries]}
    if isinstance(value, np.ndarray):
        return _encoded_array(value, arrays, name)
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return {"dtype": np.dtype(value).name}
    named: list[tuple[str, dict[str, Any]]] = [("optimizer", _OPTIMIZERS), ("schedule", _SCHEDULES)]
    for key, kinds in named:
        if kinds.get(type(value).__name__) is type(value):
            names = [entry.name for entry in fields(value)]
            settings = {entry: _encoded(getattr(value, entry), arrays, name) for entry in names}
            return {key: type(value).__name__, "settings": settings}
    if isinstance(value, Loss) and value.name in LOSSES:
        settings = {"parameter": value.parameter, "label_smoothing": value.label_smoothing}
        if replace(LOSSES[value.name], **settings) == value:
            return {"loss": value.name, "settings": settings}
    raise Unsavable(f"a file cannot hold {quoted(value)}")


def _encoded_array(value: Array, arrays: dict[str, Array], name: str) -> dict[str, Any]:
    if value.dtype.kind in "fiu" and value.dtype.itemsize <= 8 and value.size:
        arrays[name] = value.copy()
        return {"array": name}
    if value.dtype.kind not in "bOSUfiu":
        raise Unsavable(f"a file cannot hold an array of {value.dtype}")
    kind = {"U": "str", "S": "bytes"}.get(value.dtype.kind, value.dtype.name)
    flat = [_encoded(entry, arrays, f"{name}.{i}") for i, entry in enumerate(value.ravel().tolist())]
    return {"values": flat, "kind": kind, "shape": list(value.shape)}


def spilled(content: Any, arrays: dict[str, Array], name: str) -> Any:
    """Return the name of an array with the JSON of this content where that is long."""
    if not isinstance(content, (list, dict)):
        return content
    text = json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    if len(text) <= INLINE:
        return content
    arrays[f"{name}.json"] = np.frombuffer(text, np.uint8)
    return {"json": f"{name}.json"}


# --- reading ------------------------------------------------------------------------------------------------


def decoded(content: Any, arrays: dict[str, Array]) -> Any:
    """Return the value that `encoded` was given; a ValueError says what no version of it writes."""
    if content is None or isinstance(content, (bool, int, float, str)):
        return content
    if isinstance(content, list):
        return [decoded(entry, arrays) for entry in content]
    key = next(iter(content), None)
    read = _READERS.get(key) if isinstance(key, str) else None
    if read is None:
        raise ValueError(f"{quoted(content)} is no value that this deepnet knows")
    return read(content, arrays)


def _list(content: Any, arrays: dict[str, Array]) -> list[Any]:
    if not isinstance(content, list):
        raise ValueError(f"{quoted(content)} is not a list")
    return [decoded(entry, arrays) for entry in content]


def _array_called(name: Any, arrays: dict[str, Array]) -> Array:
    if not isinstance(name, str) or name not in arrays:
        raise ValueError(f"the array {quoted(name)} is missing")
    return arrays[name]


def _settings(content: dict[str, Any], arrays: dict[str, Array]) -> dict[str, Any]:
    settings = content.get("settings")
    if not isinstance(settings, dict):
        raise ValueError(f"settings is {quoted(settings)}, but must be a JSON object")
    return {name: decoded(value, arrays) for name, value in settings.items()}


def _one_of(kinds: dict[str, Any], name: Any) -> Any:
    if not isinstance(name, str) or name not in kinds:
        raise ValueError(f"{quoted(name)} is none of {', '.join(kinds)}")
    return kinds[name]


def _read_float(content: dict[str, Any], arrays: dict[str, Array]) -> float:
    if content["float"] not in ("nan", "inf", "-inf"):
        raise ValueError(f"{quoted(content['float'])} is not nan, inf or -inf")
    return float(content["float"])


def _read_values(content: dict[str, Any], arrays: dict[str, Array]) -> Array:
    values, kind, shape = _list(content["values"], arrays), content.get("kind"), content.get("shape")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"{quoted(shape)} is no shape")
    array = np.empty(len(values), object)
    array[:] = values
    if kind != "object":  # strings become as wide as they are
        array = array.astype(_one_of(_KINDS, kind))
    return array.reshape(shape)


def restored(content: Any, arrays: dict[str, Array]) -> Any:
    """Return the content that `spilled` was given."""
    if not isinstance(content, dict) or "json" not in content:
        return content
    name = content["json"]
    text = _array_called(name, arrays)
    if text.dtype != np.uint8:
        raise ValueError(f"the array {quoted(name)} is {text.dtype}, but must be uint8")
    return json.loads(text.tobytes().decode())


def _read_loss(content: dict[str, Any], arrays: dict[str, Array]) -> Any:
    settings = _settings(content, arrays)
    if settings.keys() - {"parameter", "label_smoothing"}:
        raise ValueError(f"{quoted(settings)} are no settings of a loss")
    return replace(_one_of(LOSSES, content["loss"]), **settings)


def _read_dtype(content: dict[str, Any], arrays: dict[str, Array]) -> Any:
    return np.dtype(_one_of({"float32": "float32", "float64": "float64"}, content["dtype"]))


def _read_optimizer(content: dict[str, Any], arrays: dict[str, Array]) -> Any:
    return _one_of(_OPTIMIZERS, content["optimizer"])(**_settings(content, arrays))


def _read_schedule(content: dict[str, Any], arrays: dict[str, Array]) -> Any:
    return _one_of(_SCHEDULES, content["schedule"])(**_settings(content, arrays))


_READERS: dict[str, Callable[[dict[str, Any], dict[str, Array]], Any]] = {
    "float": _read_float,
    "bytes": lambda content, arrays: bytes.fromhex(content["bytes"]),
    "tuple": lambda content, arrays: tuple(_list(content["tuple"], arrays)),
    "set": lambda content, arrays: frozenset(_list(content["set"], arrays)),
    "dict": lambda content, arrays: dict(_list(content["dict"], arrays)),
    "array": lambda content, arrays: _array_called(content["array"], arrays),
    "values": _read_values,
    "dtype": _read_dtype,
    "optimizer": _read_optimizer,
    "schedule": _read_schedule,
    "loss": _read_loss,
    "json": lambda content, arrays: decoded(restored(content, arrays), arrays),  # a circle ends, by recursion
}
