"""Retries of a mail that a server refused for now: the delay before each."""

from __future__ import annotations

import random

LONGEST_SECONDS = 900.0


def delay_seconds(attempts: int, first_seconds: float) -> float:
    """The delay after so many attempts: doubled each time, at most a quarter of an hour; half of it random.

    "Equal jitter" of M. Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015): servers that failed
    together do not come back together, and none comes back at once.
    """
    longest = min(LONGEST_SECONDS, first_seconds * 2.0 ** (min(max(attempts, 1), 20) - 1))
    return longest / 2 + random.uniform(0, longest / 2)  # noqa: S311 - chance, not a secret
