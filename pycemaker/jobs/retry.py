"""Retries: the delay after a mail server's temporary refusal, and calls repeated while MongoDB is away."""

from __future__ import annotations

import random
from collections.abc import Callable

from pycemaker.errors import DatabaseUnreachable

LONGEST_SECONDS = 900.0
_OUTAGE_DELAY_SECONDS = 0.5

RetryOnOutage = Callable[[Callable[[], None]], None]
"""Calls something, again and again while MongoDB is away, for a bounded time."""


def delay_seconds(attempts: int, first_seconds: float) -> float:
    """The delay after so many attempts: doubled each time, at most a quarter of an hour; half of it random.

    "Equal jitter" of M. Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015): servers that failed
    together do not come back together, and none comes back at once.
    """
    longest = min(LONGEST_SECONDS, first_seconds * 2.0 ** (min(max(attempts, 1), 20) - 1))
    return longest / 2 + random.uniform(0, longest / 2)  # noqa: S311 - chance, not a secret


def outage_retry(seconds: float, wait: Callable[[float], object], clock: Callable[[], float]) -> RetryOnOutage:
    """A caller that repeats what raises DatabaseUnreachable for up to `seconds`, then raises it.

    Args:
        seconds: for how long.
        wait: waits so many seconds.
        clock: monotonic seconds.
    """

    def retry_on_outage(work: Callable[[], None]) -> None:
        until = clock() + seconds
        while True:
            try:
                return work()
            except DatabaseUnreachable:
                if clock() > until:
                    raise
                wait(_OUTAGE_DELAY_SECONDS)

    return retry_on_outage
