"""The queue of many applications: its room for one more report, and the place of one that waits. Pure."""

import math
from collections.abc import Mapping, Sequence
from statistics import median

Share = tuple[bool, str]
"""The reports that are claimed one after another: schedules' or callers', and whose application's."""


def has_room(waiting: Mapping[str, int], application: str, limit: int) -> bool:
    """True if one more report may wait: beyond the limit of an application with less than its equal share of it alone.

    So an application alone has the whole queue, and none that fills it keeps another one out.

    Args:
        waiting: callers' reports that wait, by application.
    """
    fair_share = max(1, limit // len({*waiting, application}))
    return sum(waiting.values()) < limit or waiting.get(application, 0) < fair_share


def latest_place(waiting: Mapping[Share, int], share: Share, ahead: int) -> int:
    """The latest place at which a report is claimed by one server, 1 for the next, as `JobStore.claim` takes turns.

    Args:
        waiting: the reports that wait, by share.
        ahead: those of its own share that are older.
    """
    alike = [count for each, count in waiting.items() if each[0] == share[0] and each != share]
    others = sum(count for each, count in waiting.items() if each[0] != share[0])
    turn = ahead + 1 + sum(min(count, ahead + 1) for count in alike)
    return turn + min(others, turn)


def ready_in_seconds(place: int, running: int, recent_seconds: Sequence[float]) -> int | None:
    """The time until a report at this place is made, about; None where none was made lately.

    Args:
        running: reports being made; as many are taken to be made at a time.
        recent_seconds: how long the latest ones took.
    """
    return math.ceil(median(recent_seconds) * (place / max(1, running) + 1)) if recent_seconds else None
