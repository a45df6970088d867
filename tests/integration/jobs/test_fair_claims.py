"""Claims of many applications' reports: each is served in turn, oldest first, from an index."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pycemaker.errors import TooManyReports
from pycemaker.jobs import states
from pycemaker.jobs.job_document import JobDocument, new_recipients
from pycemaker.jobs.job_reader import COLLECTION
from pycemaker.jobs.job_store import JobStore
from pycemaker.mongo.database import Database
from tests.services.submissions import submit

NAMES = ("", "a", "loja", "z")


@pytest.fixture
def job_store(database: Database) -> JobStore:
    return JobStore(database, "one")


def jobs_of(application: str, count: int, *, scheduled: bool = False, prefix: str = "") -> list[JobDocument]:
    schedule = {"schedule": {"id": "s", "name": "n"}, "unsettled": True} if scheduled else {}
    named = {"application": application} if application else {}
    return [
        {"_id": f"{prefix}{application}-{scheduled}-{number:03}", "notebook": "report", "parameters": {}}
        | {"recipients": new_recipients("r", ["a@b.com"], "b.com")}
        | schedule
        | named
        for number in range(count)
    ]


def claims(*job_stores: JobStore) -> Iterator[JobDocument]:
    """Jobs as servers claim them in turn, until one finds none."""
    while True:
        for job_store in job_stores:
            if (job := job_store.claim(states.TO_RENDER)) is None:
                return
            yield job


def test_one_report_of_a_small_application_waits_for_few_of_another_s_hundreds(job_store: JobStore) -> None:
    job_store.insert_absent(jobs_of("big", 300), 60)
    assert [job["application"] for job in islice(claims(job_store), 5)] == ["big"] * 5
    job_store.insert_absent(jobs_of("small", 2), 60)
    served = [job["application"] for job in islice(claims(job_store), 6)]
    assert served == ["small", "big", "small", "big", "big", "big"]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries({(name, scheduled): st.integers(0, 120) for name in NAMES for scheduled in (False, True)}),
    st.integers(1, 3),
)
def test_each_application_is_served_within_as_many_claims_as_there_are_applications(
    database: Database, waiting: dict[tuple[str, bool], int], servers: int
) -> None:
    database[COLLECTION].delete_many({})
    job_stores = [JobStore(database, f"server {number}") for number in range(servers)]
    for (name, scheduled), count in waiting.items():
        if count:
            job_stores[0].insert_absent(jobs_of(name, count, scheduled=scheduled), 60)
    bound = 2 * len(NAMES) * servers
    left, since = dict(waiting), dict.fromkeys(waiting, 0)
    for job in claims(*job_stores):
        share = (job.get("application", ""), "schedule" in job)
        left[share] -= 1
        since = {each: since[each] + 1 if left[each] else 0 for each in since} | {share: 0}
        assert max(since.values()) <= bound, (since, left)
    assert set(left.values()) == {0}


def test_an_application_s_oldest_report_is_first(job_store: JobStore) -> None:
    for prefix in ("x", "b", "m"):
        job_store.insert_absent(jobs_of("a", 1, prefix=prefix) + jobs_of("b", 1, prefix=prefix), 60)
    order = [job["_id"][0] for job in claims(job_store) if job["application"] == "a"]
    assert order == ["x", "b", "m"]


def test_a_claim_reads_few_of_the_jobs_that_wait_and_sorts_none(job_store: JobStore, database: Database) -> None:
    for name in ("", "a", "b"):
        job_store.insert_absent(jobs_of(name, 200) + jobs_of(name, 200, scheduled=True), 60)
    mails = jobs_of("a", 300, prefix="mail")
    job_store.insert_absent([mail | {"state": states.RENDERED} for mail in mails], 60)
    database.handle.command("profile", 2)
    assert len(list(islice(claims(job_store), 20))) == 20
    database.handle.command("profile", 0)
    done = list(database["system.profile"].find({"command.findAndModify": COLLECTION}))
    assert 40 <= len(done) <= 50  # each looks for an alert first
    assert {each["planSummary"].partition(" ")[0] for each in done} == {"IXSCAN"}
    assert max(each["keysExamined"] for each in done) <= 40, done
    assert not any(each.get("hasSortStage") for each in done)


def test_a_report_is_claimed_at_the_place_that_it_was_told_or_before(job_store: JobStore) -> None:
    for prefix in range(8):
        others = jobs_of("b", prefix % 3, prefix=str(prefix)) + jobs_of("", 1, prefix=str(prefix), scheduled=True)
        job_store.insert_absent(jobs_of("a", 1, prefix=str(prefix)) + others, 60)
    places = {job["_id"]: job_store.find_place(job)["place"] for job in job_store.newest(99, application="a")}
    assert list(places.values()) == sorted(places.values(), reverse=True)
    for number, job in enumerate(claims(job_store), 1):
        assert places.get(job["_id"], 99) >= number
        assert places.get(job["_id"], 0) < number + 4  # as many shares may be before its own in a round
        assert job_store.find_place(job) == {}


def test_the_time_until_a_report_is_made_is_that_of_recent_ones(job_store: JobStore) -> None:
    job_store.insert_absent(jobs_of("a", 4), 60)
    waiting = job_store.newest(1, application="a")[0]
    assert job_store.find_place(waiting) == {"place": 4, "ready_in_seconds": None}
    made = job_store.claim(states.TO_RENDER)
    assert made is not None
    job_store.finish(made["_id"], states.WRITTEN, stage_seconds={"notebook": 3.0, "compose": 1.0})
    job_store.claim(states.TO_RENDER)
    left = next(job for job in job_store.newest(4, application="a") if job["state"] == states.QUEUED)
    assert job_store.find_place(left) == {"place": 2, "ready_in_seconds": 12}
    job_store.claim(states.TO_RENDER)
    assert job_store.find_place(left)["ready_in_seconds"] == 6


def test_an_application_that_fills_the_queue_leaves_room_for_another(job_store: JobStore) -> None:
    for number, job in enumerate(jobs_of("big", 3)):
        job_store.enqueue(job, submit(f"big {number}", report_queue=3))
    with pytest.raises(TooManyReports):
        job_store.enqueue(jobs_of("big", 1, prefix="x")[0], submit("one more", report_queue=3))
    job_store.enqueue(jobs_of("small", 1)[0], submit("small", report_queue=3))
    with pytest.raises(TooManyReports):
        job_store.enqueue(jobs_of("small", 1, prefix="x")[0], submit("small too", report_queue=3))
    assert job_store.count_waiting() == 4
