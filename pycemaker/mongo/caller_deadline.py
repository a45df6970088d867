"""Deadline of a caller that has waited in a queue: its first exchange with MongoDB has what is left of 3 s.

It holds for the first exchange alone: once MongoDB has answered, the others have their own bounds.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

ANSWER_WITHIN_SECONDS = 2.8
"""The seconds after its arrival within which a caller learns that MongoDB is away: 3 s, and some to answer."""

_LEAST_SECONDS = 0.25
_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))


@contextmanager
def answering(arrived: float) -> Iterator[None]:
    """Work for a caller that arrived at this instant of the monotonic clock, in seconds."""
    token = _deadline.set(arrived + ANSWER_WITHIN_SECONDS)
    try:
        yield
    finally:
        _deadline.reset(token)


def bounded_seconds(seconds: float) -> float:
    """The seconds, or those that are left for this thread's caller; a quarter of a second at least."""
    return min(seconds, max(_LEAST_SECONDS, _deadline.get() - time.monotonic()))


def lift() -> None:
    """Forget the deadline: MongoDB has answered."""
    _deadline.set(float("inf"))
