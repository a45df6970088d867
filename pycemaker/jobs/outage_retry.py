"""Retries of a call while MongoDB is away, for a bounded time."""

from collections.abc import Callable

from pycemaker.errors import DatabaseUnreachable

_DELAY_SECONDS = 0.5

RetryOnOutage = Callable[[Callable[[], None]], None]
"""Calls something, again and again while MongoDB is away, for a bounded time."""


def outage_retry(seconds: float, wait: Callable[[float], object], clock: Callable[[], float]) -> RetryOnOutage:
    """A caller that repeats what raises DatabaseUnreachable for up to `seconds`, then raises it."""

    def retry_on_outage(work: Callable[[], None]) -> None:
        until = clock() + seconds
        while True:
            try:
                return work()
            except DatabaseUnreachable:
                if clock() > until:
                    raise
                wait(_DELAY_SECONDS)

    return retry_on_outage
