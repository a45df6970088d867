"""Results that stay with the object that they are of.

`once` is `functools.cached_property` without its lock: until Python 3.12 all instances of a class wait for one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Generic, TypeVar, overload

Made = TypeVar("Made")
Owner = TypeVar("Owner")


class once(Generic[Made]):  # noqa: N801 - a decorator, as `property` is
    """A method whose result is kept in its instance, for good. Two threads may both make it, where both ask first.

    Args:
        make: the method.
    """

    def __init__(self, make: Callable[[Any], Made]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> once[Made]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Made: ...
    def __get__(self, instance: object, owner: type) -> once[Made] | Made:
        if instance is None:
            return self
        made = instance.__dict__[self._name] = self._make(instance)
        return made


def remembered(make: Callable[[Owner], Made]) -> Callable[[Owner], Made]:
    """A pure function of one frozen object whose result is kept in that object, for good."""
    name = f"{make.__module__}.{make.__qualname__}"

    @wraps(make)
    def ask(owner: Owner) -> Made:
        kept = vars(owner)
        if name not in kept:
            kept[name] = make(owner)
        made: Made = kept[name]
        return made

    return ask
