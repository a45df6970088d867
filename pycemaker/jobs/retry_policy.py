"""Retries of a mail that a server refused for now: the delay before each, and the instant after which there is none.

The first comes after `first_retry_seconds` (`report_settings`), the last at most REPORT_RETRY_SECONDS (`settings`)
after the report was rendered.
"""

import random

from pycemaker.jobs.job_updates import Expression

LONGEST_DELAY_SECONDS = 900.0


def delay_seconds(attempts: int, first_seconds: float) -> float:
    """The delay after so many attempts: doubled each time, at most a quarter of an hour; half of it random.

    "Equal jitter" of M. Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015): servers that failed
    together do not come back together, and none comes back at once.
    """
    longest = min(LONGEST_DELAY_SECONDS, first_seconds * 2.0 ** (min(max(attempts, 1), 20) - 1))
    return longest / 2 + random.uniform(0, longest / 2)  # noqa: S311 - chance, not a secret


def give_up_at() -> Expression:
    """The instant until which the mails of a report rendered now are tried.

    A document of an older version has no `give_up_seconds`; its `give_up_at` stays.
    """
    return {"$ifNull": [{"$add": ["$$NOW", {"$multiply": ["$give_up_seconds", 1000]}]}, "$give_up_at"]}
