"""Alerts in real time: an application that is busy every other minute, three servers, and kills -9 among them."""

from __future__ import annotations

import itertools
import random
import statistics
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pycemaker.alerts.default_rules import DEFAULT_RULES
from pycemaker.alerts.rule_store import RuleStore
from pycemaker.jobs import states
from pycemaker.metrics import CPU
from pycemaker.monitor.alert_history import AlertHistory
from tests.faults.testbed import Testbed, table, testbed

SERVERS = 3
_SAMPLE_SECONDS = 5.0
_BUSY, _QUIET = 0.97, 0.2
_RULE = next(rule for rule in DEFAULT_RULES if rule.id == "threshold-cpu")


def main(minutes: int = 10, seed: int = 1) -> None:
    """So many minutes without kills, for the times, and as many with them."""
    for kills in (False, True):
        with testbed(ALERT_RECIPIENTS="ana@example.com", ALERT_LIMIT_PER_HOUR="0") as bed:
            _real_minutes(bed, minutes, random.Random(seed) if kills else None)


def _real_minutes(bed: Testbed, minutes: int, dice: random.Random | None) -> None:
    store = RuleStore(bed.database)
    for rule in DEFAULT_RULES:
        store.save_rule("", replace(rule, enabled=rule.id == _RULE.id, for_seconds=0, clear_seconds=0))
    ending = threading.Event()
    collector = threading.Thread(target=_collect, args=(bed, ending))
    collector.start()
    servers = [bed.start_worker() for _ in range(SERVERS if dice else 1)]
    until, kills = time.monotonic() + minutes * 60, 0
    while time.monotonic() < until:
        time.sleep(dice.uniform(1, 15) if dice else 5)
        if dice:
            bed.kill(servers.pop(dice.randrange(len(servers))))
            servers.append(bed.start_worker())
            kills += 1
    ending.set()
    collector.join()
    _check(bed, f"{minutes} minutes, {kills} kills")


def _collect(bed: Testbed, ending: threading.Event) -> None:
    """Write a sample every five seconds: a busy one in each even minute."""
    while not ending.wait(_SAMPLE_SECONDS):
        now = datetime.now(UTC)
        value = _BUSY if (now - timedelta(microseconds=1)).minute % 2 == 0 else _QUIET
        bed.database[CPU.collection].insert_one({"time_series": now, "value": value})


def _check(bed: Testbed, title: str) -> None:
    alerts = [alert for alert in AlertHistory(bed.database).latest("", 1000) if alert.rule == _RULE.id]
    jobs = _ended(bed)
    mails = Counter(str(each.message["Message-ID"]) for each in bed.mail.received)
    told = Counter(alert_id for job in jobs for alert_id in job["parameters"]["alerts"])
    rows: Counter[tuple[Any, ...]] = Counter()
    seconds = []
    for job in jobs:
        (recipient,) = job["recipients"]
        rows[(job["state"], mails.pop(recipient["message_id"], 0), bool(job.get("plain")), job["runs"])] += 1
        seconds.append((recipient["at"][states.SENT] - job["end"]).total_seconds())
    table(f"{title}, {len(alerts)} alerts", rows, ("state", "mails", "plain", "runs"))
    print(f"  from the end of the hold time to acceptance: median {statistics.median(seconds):.1f} s, "
          f"worst {max(seconds):.1f} s")  # fmt: skip
    assert not mails, f"mails of no alert: {mails}"
    expected = {alert.id: 1 if alert.is_open else 2 for alert in alerts}
    assert told == expected, f"an alert's mail is missing or one too many: {told} instead of {expected}"
    fired = sorted(alert.fired_at for alert in alerts)
    minutes = {(later - earlier) for earlier, later in itertools.pairwise(fired)}
    assert minutes <= {timedelta(minutes=2)}, f"alerts are missing between {fired}"
    if any(state != "sent" or not count for state, count, _plain, _runs in rows):
        raise SystemExit("a mail was lost")


def _ended(bed: Testbed, seconds: float = 120) -> list[dict[str, Any]]:
    """The mails of alerts, once all of them have ended."""
    until = time.monotonic() + seconds
    while True:
        jobs = list(bed.database["reports"].find({"alert": True}).sort("asked_at", 1))
        pending = bed.database["alert_states"].count_documents({"pending": {"$ne": None}})
        if not pending and all(job["state"] in states.ENDED for job in jobs):
            return jobs
        assert time.monotonic() < until, [job["state"] for job in jobs]
        time.sleep(1)
