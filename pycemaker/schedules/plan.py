"""The decision on a due schedule's occurrences: which are entered, which were missed and why, what is next. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pycemaker.schedules.schedule_fields import recurrence_of

PUNCTUAL = timedelta(minutes=5)
"""An occurrence that is no later than this is on time: a busy or restarted server misses none."""

CATCH_UP = timedelta(hours=24)
"""How late an occurrence may be entered, where the schedule's `missed` wants it."""

MOST_OPEN = 48
"""Reports of one schedule that may be in work; what is due beyond them is missed, so that no queue grows for ever."""

MOST_AT_ONCE = 2000
"""Instants that are decided in one go; the rest of a long stop follows."""

NO_SERVER, TOO_LATE = "no server was running", "no server was running for more than a day"
BACKLOG = f"{MOST_OPEN} earlier reports of this schedule are still in work"


@dataclass(frozen=True)
class Plan:
    """The decision.

    Attributes:
        entered: the nominal instants whose reports are to be made, oldest first.
        missed: the others, each with the reason in English.
        next_at: the next nominal instant; None after the last one.
    """

    entered: tuple[datetime, ...]
    missed: Mapping[datetime, str]
    next_at: datetime | None


def plan(schedule: Mapping[str, Any], now: datetime, spread: timedelta, open_count: int = 0) -> Plan:
    """The decision on every instant from `next_at` on that is due.

    Args:
        schedule: its document.
        now: the present.
        spread: how long after a nominal instant it is due.
        open_count: the number of its reports that are in work.
    """
    due: list[datetime] = []
    next_at: datetime | None = None
    for next_at in recurrence_of(schedule).after(schedule["next_at"] - timedelta(microseconds=1)):
        if next_at + spread > now or len(due) == MOST_AT_ONCE:
            break
        due.append(next_at)
    else:
        next_at = None
    is_whole = next_at is None or next_at + spread > now
    wanted = [at for at in due if now - at - spread <= PUNCTUAL]
    late = [at for at in due if PUNCTUAL < now - at - spread <= CATCH_UP]
    if schedule["missed"] == "all":
        wanted = late + wanted
    elif schedule["missed"] == "latest" and not wanted and is_whole:
        wanted = late[-1:]
    entered = wanted[: max(0, MOST_OPEN - open_count)]
    missed = {at: BACKLOG if at in wanted else NO_SERVER if at in late else TOO_LATE for at in due if at not in entered}
    return Plan(tuple(entered), missed, next_at)
