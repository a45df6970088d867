"""When a mail that was refused for now is tried again."""

from __future__ import annotations

import random

FIRST_SECONDS = 15.0
LONGEST_SECONDS = 900.0


def delay_seconds(attempts: int, first_seconds: float = FIRST_SECONDS) -> float:
    """How long to wait after so many attempts: twice as long each time, at most a quarter of an hour; half by chance.

    "Equal jitter" of M. Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015): servers that failed
    together do not come back together, and none comes back at once.
    """
    longest = min(LONGEST_SECONDS, first_seconds * 2.0 ** (min(max(attempts, 1), 20) - 1))
    return longest / 2 + random.uniform(0, longest / 2)  # noqa: S311 - chance, not a secret
