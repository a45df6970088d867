"""The delay before each retry of a mail that a server refused for now.

Retries end after REPORT_RETRY_SECONDS (`settings`, `job_updates.give_up_at`).
"""

import random

LONGEST_DELAY_SECONDS = 900.0


def delay_seconds(attempts: int, first_seconds: float) -> float:
    """The delay after so many attempts: doubled each time, at most a quarter of an hour; half of it random.

    "Equal jitter" of M. Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015): servers that failed
    together do not come back together, and none comes back at once.
    """
    longest = min(LONGEST_DELAY_SECONDS, first_seconds * 2.0 ** (min(max(attempts, 1), 20) - 1))
    return longest / 2 + random.uniform(0, longest / 2)  # noqa: S311 - chance, not a secret
