"""kill -9 at random instants of a report's way, each followed by a restart: mails received against reports asked for."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.faults import cluster_kills
from tests.faults.testbed import Testbed, left_behind, table, testbed
from tests.services.rendered import put_rendered

NAMES = ("killed while", "state", "mails", "runs")


def main(count: int = 200, seed: int = 1) -> None:
    """A quarter of the kills within the hand-over to the mail server, which is short and matters most, a quarter anywhere
    on the whole way, and half of them of a server, a worker, a Dask worker or the Dask scheduler, on the way too.

    Ctrl-C ends it early; what was seen until then is told.
    """
    dice = random.Random(seed)
    handed: Counter[tuple[Any, ...]] = Counter()
    whole: Counter[tuple[Any, ...]] = Counter()
    roles: Counter[tuple[Any, ...]] = Counter()
    with testbed() as bed:
        with contextlib.suppress(KeyboardInterrupt):
            for row in _while_sending(bed, dice, count // 4):
                handed[row] += 1
            for row in _whole_way(bed, dice, count // 4):
                whole[row] += 1
            for row in _in_a_cluster(bed, dice, count - count // 4 * 2):
                roles[row] += 1
        left = _left_over(bed)
    table(f"{handed.total()} kills within the hand-over to the mail server", handed, NAMES)
    table(f"{whole.total()} kills between the request and the end", whole, NAMES)
    table(f"{roles.total()} kills by role between the request and the end", roles, NAMES)
    both = whole + handed + roles
    wrong = {row: times for row, times in both.items() if not _is_right(row)}
    print(f"\n  reports asked for {both.total()}, mails received {sum(row[2] * n for row, n in both.items())}")
    print(f"  twice or more: {sum(n for row, n in both.items() if row[2] > 1)}")
    print(f"  none, and no reason recorded: {sum(wrong.values())}")
    print(f"  processes left behind: {left}")
    if wrong or left or any(row[2] > 1 for row in both):
        raise SystemExit(f"not as it should be: {wrong}")


def _left_over(bed: Testbed) -> int:
    """Processes of reports that are still there some time after the last worker.

    A spare that is only just starting notices that its server has gone once it has imported what it needs.
    """
    for worker in list(bed.workers):
        bed.kill(worker)
    until = time.monotonic() + 15
    while (left := left_behind(bed.folder)) and time.monotonic() < until:
        time.sleep(0.2)
    for process in left:
        process.kill()
    return len(left)


def _is_right(row: tuple[Any, ...]) -> bool:
    """One mail of a report that was sent, one or none of one that was possibly sent, none of any other."""
    _, state, mails, _ = row
    return bool(mails == 1 if state == "sent" else mails <= 1 if state == "possibly_sent" else mails == 0)


def _whole_way(bed: Testbed, dice: random.Random, count: int) -> Iterator[tuple[Any, ...]]:
    worker = bed.start_worker()
    bed.enqueue("first")
    bed.ended("first")
    time.sleep(5)  # the spare stands ready again
    began = time.monotonic()
    bed.enqueue("measured")
    bed.ended("measured")
    usual_seconds = time.monotonic() - began
    print(f"  a report takes {usual_seconds:.2f} s undisturbed", flush=True)
    for number in range(count):
        report_id = f"whole-{number}"
        if number % 2:
            time.sleep(5)  # every other one finds the spare ready
        bed.enqueue(report_id)
        time.sleep(dice.uniform(0, usual_seconds * (1.2 if number % 2 else 3)))
        bed.kill(worker)
        at = bed.report_service.job_store.get(report_id)
        worker = bed.start_worker()
        yield _row(bed, report_id, at)
        if number % 10 == 9:
            print(f"  {number + 1} kills", flush=True)
    bed.kill(worker)


def _while_sending(bed: Testbed, dice: random.Random, count: int) -> Iterator[tuple[Any, ...]]:
    worker = bed.start_worker()
    for number in range(count):
        report_id = f"handed-{number}"
        put_rendered(bed.report_service, report_id, f"{report_id}@example.com")
        until = time.monotonic() + 3
        while bed.report_service.job_store.get(report_id)["state"] == "rendered" and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(dice.uniform(0, 0.12))
        bed.kill(worker)
        at = bed.report_service.job_store.get(report_id)
        worker = bed.start_worker()
        yield _row(bed, report_id, at)
        if number % 10 == 9:
            print(f"  {number + 1} kills within the hand-over", flush=True)
    bed.kill(worker)


def _in_a_cluster(bed: Testbed, dice: random.Random, count: int) -> Iterator[tuple[Any, ...]]:
    for number, (role, report_id, at) in enumerate(cluster_kills.rows(bed, dice, count), 1):
        stage, *rest = _row(bed, report_id, at)
        yield f"{role}: {stage}", *rest
        if number % 10 == 0:
            print(f"  {number} kills by role", flush=True)


def _row(bed: Testbed, report_id: str, at: dict[str, Any]) -> tuple[Any, ...]:
    """The report's stage when its server was killed, its end, its mails."""
    job = bed.ended(report_id)
    at_recipient = at["recipients"][0]["state"]
    stage = f"{at['state']}" + (f", {at['stage']}" if at["state"] == "running" and at["stage"] else "")
    stage += ", given to the mail server" if at["state"] == "sending" and at_recipient == "sending" else ""
    assert job["state"] == "sent" or job.get("error") or job["recipients"][0].get("reason"), job
    return stage, job["state"], bed.mails()[f"{report_id}@example.com"], job["runs"]
