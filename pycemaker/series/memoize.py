"""Memoized results of frozen objects: each is worked out once, and stays in the object that it is of."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Owner = TypeVar("Owner")
Result = TypeVar("Result")


def memoized(function: Callable[[Owner], Result]) -> Callable[[Owner], Result]:
    """The pure function of one frozen object, its result kept in that object for good.

    Below `@property` it is `functools.cached_property` without the lock that all instances share until Python 3.12.
    Two threads may both work a result out, where both are the first to ask.
    """
    name = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def get(owner: Owner) -> Result:
        results = vars(owner)
        if name not in results:
            results[name] = function(owner)
        result: Result = results[name]
        return result

    return get
