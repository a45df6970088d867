"""The job store over a real mongod: enqueuing, claims, leases, and writes of owners."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pycemaker.errors import IdempotencyKeyReused, TooManyReports, UnknownReport
from pycemaker.jobs import states
from pycemaker.jobs.artifacts import ArtifactStore
from pycemaker.jobs.job_document import new_recipients, public_fields
from pycemaker.jobs.job_inserts import MOST_KEYS
from pycemaker.jobs.job_store import MOST_REFUSALS, JobStore, LeaseLost
from pycemaker.jobs.submission_keys import submission_of
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import ROOT
from pycemaker.window import Window
from tests.services.stored_jobs import edit_job
from tests.services.submissions import report_settings_with, submit

LEASE = 0.4


@pytest.fixture
def job_store(database: Database) -> JobStore:
    return JobStore(database, "one", LEASE)


@pytest.fixture
def other(database: Database) -> JobStore:
    return JobStore(database, "two", LEASE)


def document(report_id: str, *addresses: str) -> dict[str, Any]:
    people = new_recipients(report_id, addresses or ("a@b.com",), "b.com")
    return {"_id": report_id, "notebook": "report", "parameters": {"$set": "$x"}, "recipients": people}


def test_a_report_that_is_asked_for_is_queued_and_read_back_as_it_was(job_store: JobStore) -> None:
    assert job_store.enqueue(document("r", "a@b.com", "c@d.com"), submit("key")) == ("r", True)
    job = job_store.get("r")
    assert (job["state"], job["runs"], job["parameters"]) == ("queued", 0, {"$set": "$x"})
    assert [one["message_id"] for one in job["recipients"]] == ["<r.0@b.com>", "<r.1@b.com>"]
    assert [one["at"] for one in job["recipients"]] == [{"queued": job["asked_at"]}] * 2
    assert job_store.count_waiting() == 1
    assert job_store.count_by_state()["queued"] == 1
    with pytest.raises(UnknownReport):
        job_store.get("another")


@pytest.mark.parametrize("odd", [{}, {"runs": "x"}, {"history": "x"}, {"recipients": "x"}, {"recipients": [{}]}])
def test_a_document_that_somebody_else_wrote_holds_up_no_report(
    job_store: JobStore, database: Database, odd: dict[str, Any]
) -> None:
    """Every worker tried it first, and failed."""
    job_store.enqueue(document("r"), submit("key"))
    due = {"state": "queued", "due_at": datetime(2022, 1, 1, tzinfo=UTC), "_id": "odd"}
    database["reports"].insert_one({**(job_store.get("r") | odd if odd else {}), **due, "repeat_key": "other"})
    assert job_store.count_waiting() == 1
    assert job_store.overdue_seconds() < 60
    claimed = job_store.claim(states.TO_RENDER)
    assert claimed is not None
    assert claimed["_id"] == "r"


def test_the_same_request_is_the_same_report_until_it_has_been_accepted_for_a_while(
    job_store: JobStore, other: JobStore
) -> None:
    submission = submit("key", report_repeat_seconds=0.5)
    assert job_store.enqueue(document("r1"), submission) == ("r1", True)
    assert other.enqueue(document("r2"), submission) == ("r1", False)
    job_store.claim(states.TO_RENDER)
    assert other.enqueue(document("r2"), submission) == ("r1", False)
    job_store.finish("r1", states.SENT)
    assert other.enqueue(document("r2"), submission) == ("r1", False)
    time.sleep(0.6)
    assert other.enqueue(document("r2"), submission) == ("r2", True)


@pytest.mark.parametrize("state", [states.FAILED, states.REFUSED, states.EXPIRED, states.SUPPRESSED])
def test_a_report_that_nobody_got_does_not_stand_in_the_way_of_the_next(job_store: JobStore, state: str) -> None:
    job_store.enqueue(document("r1"), submit("key"))
    job_store.claim(states.TO_RENDER)
    job_store.finish("r1", state)
    assert job_store.enqueue(document("r2"), submit("key")) == ("r2", True)


def test_of_many_equal_requests_to_two_servers_at_once_one_is_enqueued(job_store: JobStore, other: JobStore) -> None:
    def enqueue(number: int) -> tuple[str, bool]:
        return (job_store, other)[number % 2].enqueue(document(f"r{number}"), submit("key"))

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(enqueue, range(40)))
    assert len({report_id for report_id, _ in answers}) == 1
    assert [is_new for _, is_new in answers].count(True) == 1


def test_an_idempotency_key_is_one_report_for_good_and_one_request_only(job_store: JobStore) -> None:
    submission = submit("key", "my key", report_repeat_seconds=0)
    assert job_store.enqueue(document("r1"), submission) == ("r1", True)
    job_store.claim(states.TO_RENDER)
    job_store.finish("r1", states.FAILED)
    assert job_store.enqueue(document("r2"), submission) == ("r1", False)
    with pytest.raises(IdempotencyKeyReused):
        job_store.enqueue(document("r3"), submit("another request", "my key"))
    assert "my key" not in str(job_store.get("r1"))


def test_an_idempotency_key_that_comes_to_a_report_in_flight_is_that_report_s_for_good(
    job_store: JobStore, other: JobStore
) -> None:
    job_store.enqueue(document("r1"), submit("key", report_repeat_seconds=0))
    for number in (1, 2, 2):
        assert other.enqueue(document("r2"), submit("key", f"key {number}", report_repeat_seconds=0)) == ("r1", False)
    job_store.claim(states.TO_RENDER)
    job_store.finish("r1", states.SENT)
    for number in (1, 2):
        assert other.enqueue(document("r2"), submit("key", f"key {number}", report_repeat_seconds=0)) == ("r1", False)
        with pytest.raises(IdempotencyKeyReused):
            other.enqueue(document("r2"), submit("another request", f"key {number}"))
    assert other.enqueue(document("r2"), submit("key", "key 3", report_repeat_seconds=0)) == ("r2", True)


def test_a_report_from_before_it_could_have_several_keys_takes_more(database: Database, job_store: JobStore) -> None:
    job_store.enqueue(document("r1"), submit("key", "first"))
    then = {"idempotency_key": {"$first": "$idempotency_key"}, "idempotency_digest": "made otherwise"}
    edit_job(database, "r1", [{"$set": then}, {"$unset": "sender"}])
    for name in ("second", "first"):
        assert job_store.enqueue(document("r2"), submit("key", name)) == ("r1", False)


def test_of_many_requests_with_one_key_at_once_each_gets_the_report_or_the_error_that_it_was_used(
    job_store: JobStore, other: JobStore
) -> None:
    """Two requests that mean different things, each in flight already, and one key for both."""
    for name in ("a", "b"):
        job_store.enqueue(document(name), submit(name))

    def enqueue(number: int) -> str:
        name = "ab"[number // 2 % 2]
        try:
            return (job_store, other)[number % 2].enqueue(document(f"r{number}"), submit(name, "one key"))[0]
        except IdempotencyKeyReused:
            return "used"

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(enqueue, range(40)))
    assert sorted(set(answers)) in (["a", "used"], ["b", "used"])


def test_a_report_takes_only_so_many_keys(job_store: JobStore) -> None:
    job_store.enqueue(document("r1"), submit("key"))
    for number in range(MOST_KEYS):
        job_store.find_duplicate(submit("key", str(number)))
    with pytest.raises(TooManyReports):
        job_store.find_duplicate(submit("key", "one more"))
    assert job_store.find_duplicate(submit("key", "0")) == "r1"


def test_no_request_for_a_report_scans_the_collection(job_store: JobStore, database: Database) -> None:
    job_store.enqueue(document("first"), submit("first"))
    database.handle.command("profile", 2)
    job_store.enqueue(document("r1"), submit("key"))
    job_store.enqueue(document("r2"), submit("key", "joins it"))
    job_store.enqueue(document("r2"), submit("key", "joins it"))
    job_store.enqueue(document("r3"), submit("another", "makes one"))
    database.handle.command("profile", 0)
    done = list(database["system.profile"].find({"ns": {"$regex": r"\.reports$"}, "planSummary": {"$exists": True}}))
    plans = {(one["op"], one["planSummary"].partition(" ")[0]) for one in done}
    assert {("query", "IXSCAN"), ("update", "IXSCAN")} <= plans
    assert "COLLSCAN" not in {plan for _, plan in plans}, done


def test_as_many_may_wait_as_may_and_those_that_run_do_not_count(job_store: JobStore) -> None:
    for number in range(2):
        job_store.enqueue(document(f"r{number}"), submit(f"key {number}", report_queue=2))
    with pytest.raises(TooManyReports) as caught:
        job_store.enqueue(document("r2"), submit("key 2", report_queue=2))
    assert (caught.value.facts["waiting"], caught.value.facts["retry_after_seconds"]) == (2, 15)
    assert job_store.enqueue(document("r3"), submit("key 1", report_queue=2)) == ("r1", False)
    job_store.claim(states.TO_RENDER)
    assert job_store.enqueue(document("r4"), submit("key 4", report_queue=2)) == ("r4", True)


def test_reports_are_taken_in_the_order_in_which_they_were_asked_for_each_by_one(
    job_store: JobStore, other: JobStore
) -> None:
    for number in range(20):
        job_store.enqueue(document(f"r{number:02}"), submit(f"key {number}", report_queue=99))
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda number: (job_store, other)[number % 2].claim(states.TO_RENDER), range(24)))
    ids = [job["_id"] for job in taken if job]
    assert sorted(ids) == [f"r{number:02}" for number in range(20)]
    assert taken.count(None) == 4
    job_store.enqueue(document("a"), submit("a"))
    job_store.enqueue(document("b"), submit("b"))
    first = other.claim(states.TO_RENDER)
    assert first is not None
    assert first["_id"] == "a"


def test_a_report_is_made_and_waited_for_only_where_its_sender_is(database: Database) -> None:
    ours, theirs = (JobStore(database, name, LEASE, f"{name}@b.com") for name in ("ours", "theirs"))
    theirs.enqueue(document("r"), submit("key"))
    assert (ours.claim(states.TO_RENDER), ours.count_waiting(), theirs.count_waiting()) == (None, 0, 1)
    taken = theirs.claim(states.TO_RENDER)
    assert taken is not None
    assert (ours.is_orphan(taken), theirs.is_orphan(taken)) == (True, False)


def test_a_lease_that_is_renewed_keeps_the_report_and_one_that_is_not_gives_it_away(
    job_store: JobStore, other: JobStore
) -> None:
    job_store.enqueue(document("r"), submit("key"))
    job_store.claim(states.TO_RENDER)
    for _ in range(4):
        time.sleep(LEASE / 2)
        assert job_store.renew_leases(["one"]) == set()
        assert other.claim(states.TO_RENDER) is None
    time.sleep(LEASE * 1.2)
    taken = other.claim(states.TO_RENDER)
    assert taken is not None
    assert (taken["state"], taken["runs"], [told["state"] for told in taken["history"]]) == (
        *("running", 2),
        ["queued", "running", "running"],
    )
    assert job_store.renew_leases(["one"]) == {"one"}
    for write in (
        lambda: job_store.extend_lease("r"),
        lambda: job_store.set_fields("r", stage="render"),
        lambda: job_store.release("r", states.RENDERED),
        lambda: job_store.finish("r", states.FAILED),
        lambda: job_store.begin_sending("r", 0),
        lambda: job_store.record_result("r", 0, states.SENT),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert job_store.get("r") == taken


def test_what_one_thread_passed_on_and_another_took_is_not_the_first_one_s_any_more(job_store: JobStore) -> None:
    job_store.enqueue(document("r"), submit("key"))
    render_worker, delivery_worker = job_store.with_owner(), job_store.with_owner()
    made = render_worker.claim(states.TO_RENDER)
    render_worker.release("r", states.RENDERED)
    taken = delivery_worker.claim(states.TO_SEND)
    assert made is not None
    assert taken is not None
    assert job_store.renew_leases([made["owner"], taken["owner"]]) == {made["owner"]}
    with pytest.raises(LeaseLost):
        render_worker.release("r", states.RENDERED)
    job_store.with_owner(taken["owner"]).begin_sending("r", 0)


def test_what_is_passed_on_is_due_when_it_was_said_to_be(job_store: JobStore, other: JobStore) -> None:
    job_store.enqueue(document("r"), submit("key"))
    job_store.claim(states.TO_RENDER)
    job_store.release("r", states.DEFERRED, after_seconds=0.5, subject="$literally")
    assert other.claim(states.TO_RENDER) is None
    assert other.claim(states.TO_SEND) is None
    time.sleep(0.6)
    taken = other.claim(states.TO_SEND)
    assert taken is not None
    assert (taken["state"], taken["subject"]) == ("sending", "$literally")


def test_a_recipient_is_begun_once(job_store: JobStore) -> None:
    job_store.enqueue(document("r"), submit("key"))
    job_store.claim(states.TO_RENDER)
    job_store.begin_sending("r", 0)
    with pytest.raises(LeaseLost):
        job_store.begin_sending("r", 0)
    job_store.record_result("r", 0, states.DEFERRED)
    job_store.begin_sending("r", 0)
    job_store.record_result("r", 0, states.SENT, reply="250")
    with pytest.raises(LeaseLost):
        job_store.begin_sending("r", 0)
    (recipient,) = job_store.get("r")["recipients"]
    assert (recipient["attempts"], recipient["reply"], set(recipient["at"])) == (
        2,
        "250",
        {"queued", "sending", "deferred", "sent"},
    )


def test_a_recipient_sent_to_after_refusals_has_no_reason_and_its_refusals_stay(job_store: JobStore) -> None:
    job_store.enqueue(document("r"), submit("key"))
    job_store.claim(states.TO_RENDER)
    for number in range(MOST_REFUSALS + 1):
        job_store.begin_sending("r", 0)
        job_store.record_result("r", 0, states.DEFERRED, reason=f"451 $later {number}", again_in_seconds=60)
    (recipient,) = job_store.get("r")["recipients"]
    assert recipient["next_attempt_at"] == recipient["at"]["deferred"] + timedelta(seconds=60)
    job_store.begin_sending("r", 0)
    job_store.record_result("r", 0, states.SENT, reply="250")
    (recipient,) = job_store.get("r")["recipients"]
    assert recipient.keys() & {"reason", "next_attempt_at"} == set()
    assert [told["reason"] for told in recipient["refusals"]] == [f"451 $later {n}" for n in range(1, 21)]
    assert recipient["refusals"][-1]["at"] == recipient["at"]["deferred"]


def test_who_is_given_up_or_refused_keeps_the_last_reason_and_no_next_attempt(job_store: JobStore) -> None:
    job_store.enqueue(document("r"), submit("key"))
    job_store.claim(states.TO_RENDER)
    job_store.record_result("r", 0, states.DEFERRED, reason="451 later", again_in_seconds=60)
    job_store.record_result("r", 0, states.EXPIRED)
    (recipient,) = job_store.get("r")["recipients"]
    assert (recipient["reason"], "next_attempt_at" in recipient) == ("451 later", False)


def test_who_knows_better_corrects_what_was_only_possible(job_store: JobStore, other: JobStore) -> None:
    job_store.enqueue(document("r"), submit("key"))
    job_store.claim(states.TO_RENDER)
    job_store.begin_sending("r", 0)
    job_store.release("r", states.SENDING)
    other.claim(states.TO_SEND)
    other.record_result("r", 0, states.POSSIBLY_SENT)
    other.finish("r", states.POSSIBLY_SENT)
    job_store.record_late_result("r", 0, states.SENT, reply="250")
    assert (job_store.get("r")["state"], job_store.get("r")["recipients"][0]["state"]) == ("sent", "sent")
    job_store.record_late_result("r", 0, states.REFUSED)
    assert job_store.get("r")["state"] == "sent"


def test_who_never_began_knows_nothing_of_what_another_is_sending(job_store: JobStore, other: JobStore) -> None:
    """They were refused before the message was to leave, and had lost the report by then: no second mail of that."""
    job_store.enqueue(document("r"), submit("key"))
    job_store.claim(states.TO_RENDER)
    job_store.release("r", states.SENDING)
    other.claim(states.TO_SEND)
    other.begin_sending("r", 0)
    for name in (job_store, job_store.with_owner()):
        name.record_late_result("r", 0, states.DEFERRED, reason="421 too busy")
    job = job_store.get("r")
    assert job["recipients"][0]["state"] == "sending"
    assert "begun_by" not in public_fields(job)["recipients"][0]


@pytest.mark.parametrize("is_known_first", [True, False])
def test_who_is_known_late_not_to_have_been_sent_to_is_sent_to_again(
    job_store: JobStore, other: JobStore, *, is_known_first: bool
) -> None:
    job_store.enqueue(document("r"), submit("key"))
    job_store.claim(states.TO_RENDER)
    job_store.begin_sending("r", 0)
    job_store.release("r", states.SENDING)
    other.claim(states.TO_SEND)
    other.record_result("r", 0, states.POSSIBLY_SENT)
    if is_known_first:
        job_store.record_late_result("r", 0, states.DEFERRED, reason="451 later")
    other.finish("r", states.POSSIBLY_SENT)
    other.recompute_state("r")
    if not is_known_first:
        job_store.record_late_result("r", 0, states.DEFERRED, reason="451 later")
    job = job_store.get("r")
    assert (job["state"], job["recipients"][0]["state"]) == ("deferred", "deferred")
    assert "ended_at" not in job
    assert [told["state"] for told in job["history"]][-2:] == ["possibly_sent", "deferred"]
    taken = other.claim(states.TO_SEND)
    assert taken is not None
    other.begin_sending("r", 0)


def test_no_server_s_own_clock_is_written_or_compared(database: Database, database_url: str) -> None:
    """A whole way through the job store in a process whose clock is two days ahead: nothing is due, or expired, early."""
    code = f"""
        import datetime, time
        real, ahead = datetime.datetime, datetime.timedelta(days=2)
        class Ahead(real):
            @classmethod
            def now(cls, tz=None):
                return real.now(tz) + ahead
        datetime.datetime = Ahead
        from tests.integration.jobs.test_job_store import walk_the_whole_way
        walk_the_whole_way({database_url!r})
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, check=True)
    job = JobStore(database, "reader").get("r")
    now = database.handle.command("hello")["localTime"].replace(tzinfo=UTC)
    instants = list(instants_in(job))
    assert len(instants) >= 10
    assert all(instant < now + timedelta(hours=5) for instant in instants), job


def walk_the_whole_way(url: str) -> None:
    """A report from its asking to its end, by way of a refusal."""
    database = Database(url)
    job_store = JobStore(database, "one")
    job_store.enqueue(document("r"), submit("key"))
    job_store.claim(states.TO_RENDER)
    job_store.release("r", states.RENDERED)
    job_store.claim(states.TO_SEND)
    job_store.begin_sending("r", 0)
    job_store.record_result("r", 0, states.DEFERRED, reason="451", again_in_seconds=60)
    job_store.begin_sending("r", 0)
    job_store.record_result("r", 0, states.SENT)
    job_store.finish("r", states.SENT)
    database.close()


def instants_in(value: Any) -> Iterator[datetime]:
    """Every instant that stands somewhere in it."""
    if isinstance(value, datetime):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from instants_in(each)


def test_a_report_s_mails_are_tried_from_when_it_is_made_and_not_from_when_it_was_asked_for(
    database: Database, job_store: JobStore
) -> None:
    for name in ("r", "older"):
        job_store.enqueue(document(name), submit(name, report_retry_seconds=3600))
        job_store.claim(states.TO_RENDER, name)
    then = datetime(2022, 4, 10, tzinfo=UTC)
    older = {"$set": {"give_up_at": then}, "$unset": {"give_up_seconds": ""}}  # as it was written before
    edit_job(database, "older", older)
    for name in ("r", "older"):
        job_store.release(name, states.RENDERED)
    made = job_store.get("r")
    assert made["give_up_at"] == made["history"][-1]["at"] + timedelta(hours=1)
    assert job_store.get("older")["give_up_at"] == then


def test_old_reports_are_found_and_removed_and_open_ones_never(job_store: JobStore) -> None:
    for name in ("ended", "open"):
        job_store.enqueue(document(name), submit(name))
        job_store.claim(states.TO_RENDER)
    job_store.finish("ended", states.SENT)
    assert job_store.ended_before(1) == []
    assert job_store.ended_before(0) == ["ended"]
    for name in ("ended", "open"):
        job_store.remove(name)
    assert [job["_id"] for job in job_store.newest(10)] == ["open"]


def test_reports_are_counted_by_state_without_being_read(job_store: JobStore, database: Database) -> None:
    for name in ("r1", "r2", "r3"):
        job_store.enqueue(document(name), submit(name))
    job_store.claim(states.TO_RENDER)
    counted = job_store.count_by_state()
    assert {state: count for state, count in counted.items() if count} == {"queued": 2, "running": 1}
    job_store.index_states()
    database.handle.command("profile", 2)
    assert job_store.count_by_state() == counted
    database.handle.command("profile", 0)
    (profiled,) = database["system.profile"].find({"command.aggregate": "reports"})
    assert (profiled["docsExamined"], profiled["keysExamined"]) == (0, 3)


def test_reports_are_counted_where_the_index_of_their_states_has_been_lost(
    job_store: JobStore, database: Database
) -> None:
    job_store.enqueue(document("r"), submit("key"))
    job_store.index_states()
    database["reports"].drop_index("state_1")
    assert job_store.count_by_state()["queued"] == 1


def test_the_newest_come_first_page_by_page(job_store: JobStore) -> None:
    for number in range(5):
        job_store.enqueue(document(f"r{number}"), submit(f"key {number}"))
        time.sleep(0.002)
    first = job_store.newest(3)
    assert [job["_id"] for job in first] == ["r4", "r3", "r2"]
    assert [job["_id"] for job in job_store.newest(3, first[-1]["asked_at"])] == ["r1", "r0"]


@pytest.mark.parametrize(
    ("recipients_states", "state"),
    [
        (["sent"], "sent"),
        (["written", "written"], "written"),
        (["sent", "sent"], "sent"),
        (["sent", "refused"], "partly_sent"),
        (["sent", "suppressed"], "sent"),
        (["written", "suppressed"], "written"),
        (["sent", "written", "suppressed"], "sent"),
        (["sent", "suppressed", "expired"], "partly_sent"),
        (["sent", "possibly_sent"], "partly_sent"),
        (["sent", "deferred"], "deferred"),
        (["refused", "queued"], "deferred"),
        (["refused", "refused"], "refused"),
        (["possibly_sent", "refused"], "possibly_sent"),
        (["expired", "suppressed"], "expired"),
        (["suppressed"], "suppressed"),
        (["failed", "suppressed"], "suppressed"),
    ],
)
def test_a_report_s_state_follows_from_those_of_its_recipients(recipients_states: list[str], state: str) -> None:
    assert states.overall(recipients_states) == state


def repeat_key(**changes: Any) -> str:
    end = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
    request = ReportRequest("r", Path("report.ipynb"), Window(end, 6), ("a@b.com",))
    return submission_of(replace(request, **changes), report_settings_with(), "reports@b.com").repeat_key


def test_requests_that_mean_the_same_have_the_same_key() -> None:
    to, attach = ("A@b.com", "c@d.com"), ("pdf", "csv")
    key = repeat_key(parameters={"a": 1, "b": "x"}, attach=attach, recipients=to)
    assert repeat_key(parameters={"b": "x", "a": 1}, attach=attach[::-1], recipients=("C@d.com", "a@b.com")) == key
    for other in (
        {"notebook": Path("capacity.ipynb")},
        {"date_text": "2022-04-10T12:43:23Z"},
        {"window": Window(datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC), 7)},
        {"parameters": {"a": "1"}},
        {"attach": ("csv",)},
        {"recipients": ("a@b.com", "c@d.com")},
        {"application": "loja"},
    ):
        assert repeat_key(**other) != repeat_key()


def test_one_instant_written_in_two_ways_is_one_request_and_now_is_another() -> None:
    def key(end: datetime, date_text: str) -> str:
        return repeat_key(window=Window(end, 6), date_text=date_text)

    end = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
    wall, iso = key(end, "10-04-2022-09-43-23"), key(end, "2022-04-10T12:43:23Z")
    assert wall == iso
    assert key(end, "now") == key(end + timedelta(seconds=1), "now")
    assert len({wall, key(end, "now"), key(end + timedelta(seconds=1), "10-04-2022-09-43-24")}) == 3


def test_files_are_replaced_listed_and_removed_what_a_crash_left_included(database: Database) -> None:
    files = ArtifactStore(database)
    database["report_files.chunks"].insert_one({"files_id": "r/page.html", "n": 0, "data": b"half of a crashed one"})
    files.put("r", {"page.html": b"a" * 600_000, "figures/cpu.png": b"png"})
    files.put("r", {"page.html": b"b" * 300_000})
    files.put("r2", {"page.html": b"other"})
    assert files.get("r", "page.html") == b"b" * 300_000
    assert files.names("r") == ["figures/cpu.png", "page.html"]
    files.remove("r")
    assert (files.names("r"), files.names("r2")) == ([], ["page.html"])
    assert database["report_files.chunks"].count_documents({}) == 1
    with pytest.raises(UnknownReport):
        files.get("r", "page.html")


def scheduled(report_id: str) -> dict[str, Any]:
    return document(report_id) | {"schedule": {"id": "s", "name": "n"}, "unsettled": True}


def test_jobs_of_schedules_are_inserted_once_whatever_became_of_them(job_store: JobStore, other: JobStore) -> None:
    job_store.insert_absent([scheduled("a"), scheduled("b")], 60)
    claimed = job_store.claim(states.TO_RENDER)
    assert claimed is not None
    job_store.finish(claimed["_id"], states.FAILED, {})
    other.insert_absent([scheduled("a"), scheduled("b"), scheduled("c")], 60)
    assert {each: job_store.get(each)["state"] for each in "abc"} == {"a": "failed", "b": "queued", "c": "queued"}
    assert job_store.count_open(["s", "t"]) == {"s": 2}
    assert [job["_id"] for job in other.unsettled(5)] == ["a"]
    other.settle("a")
    assert other.unsettled(5) == []


def test_neither_callers_nor_schedules_wait_for_all_of_the_others(job_store: JobStore) -> None:
    job_store.insert_absent([scheduled(f"s{number}") for number in range(30)], 60)
    for number in range(3):  # a queue of three has room for them
        job_store.enqueue(document(f"c{number}"), submit(f"key {number}", report_queue=3))
    with pytest.raises(TooManyReports):
        job_store.enqueue(document("c3"), submit("key 3", report_queue=3))
    assert (job_store.count_waiting(), job_store.count_waiting(with_scheduled=True)) == (3, 33)
    claims = [job_store.claim(states.TO_RENDER) for _ in range(8)]
    kinds = ["schedule" in job for job in claims if job]
    assert kinds == [False, True, False, True, False, True, True, True]
