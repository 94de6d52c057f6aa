"""Errors of the frozen dataclasses (optimizers, schedules, losses, layers and so on): changes and names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from types import NoneType
from typing import Any, TypeVar

from ._arguments import advised
from ._names import find

Class = TypeVar("Class", bound=type)


def immutable(called: str) -> Callable[[Class], Class]:
    """Give a frozen dataclass errors that say how to make a changed copy, and which arguments it has.

    `called` is what code calls such an object, for example ``net.optimizer``.
    """

    def decorate(cls: Class) -> Class:
        def refuse(self: Any, name: str, value: Any) -> None:
            known = {entry.name: entry for entry in fields(self)}
            if name not in known and type(self) is not cls:  # an attribute of a subclass that is not frozen
                super(cls, self).__setattr__(name, value)  # type: ignore[arg-type]  # self is a cls
                return
            try:
                find("setting", name, known)
            except ValueError as error:
                raise AttributeError(str(error)) from None
            replace(self, **{name: value})  # a wrong value gets the error of its check
            copy = f"dataclasses.replace({called}, {name}={_code(value) or name})"
            way_out = f"{called} = {copy}" if "." in called else f"{copy} makes another"
            raise FrozenInstanceError(f"{name} of {type(self).__name__} cannot be changed: {way_out}")

        type.__setattr__(cls, "__setattr__", refuse)
        if "__repr__" not in vars(cls):
            type.__setattr__(cls, "__repr__", shown)
        type.__setattr__(cls, "__init__", advised(vars(cls)["__init__"]))
        return cls

    return decorate


def shown(self: Any) -> str:
    """Return code that makes the object: its name, and the settings that have no default or another value."""
    given = ((entry, getattr(self, entry.name)) for entry in fields(self))
    known = [(e.name, value) for e, value in given if value != e.default or e.name == "learning_rate"]
    return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in known)})"


def _code(value: object) -> str:
    """Return code for a value, or nothing."""
    if isinstance(value, (int, float, str, NoneType)):
        return repr(value)
    if type(value).__module__ == "deepnet.schedules":
        return f"deepnet.schedules.{value!r}"
    function = getattr(value, "__name__", "")
    return function if function.isidentifier() else ""
