"""Delivery workers against a scripted mail server: each recipient gets at most one mail, or the record says why not."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pycemaker.errors import (
    DatabaseUnreachable,
    MailDeferred,
    MailPartlySent,
    MailRefused,
    RecipientSuppressed,
    ReportExpired,
)
from pycemaker.jobs import report_result, states
from pycemaker.jobs.deliver_job import MOST_LATE_READS, MailTransport
from pycemaker.jobs.job_store import JobStore
from pycemaker.jobs.render_job import RenderWorker
from pycemaker.jobs.report_service import ReportService
from pycemaker.jobs.report_settings import ReportSettings
from pycemaker.jobs.retry_policy import delay_seconds
from pycemaker.mail.outbox import Outbox
from pycemaker.mail.smtp import SmtpSender
from pycemaker.mail.suppressions import Suppressions
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import Delivery, ReportRequest
from pycemaker.web import response_bodies
from pycemaker.window import Window
from tests.services.rendered import NOW, put_rendered
from tests.services.report_service import service_of
from tests.services.smtp import DROP, SILENT, SmtpServer, smtp_server
from tests.services.stored_jobs import edit_job
from tests.services.submissions import report_settings_with, submit

QUICK = report_settings_with(first_retry_seconds=0.1, lease_seconds=1.0, report_retry_seconds=30, report_workers=1)


@contextmanager
def mailing_service(
    database: Database, mail: SmtpServer, settings: ReportSettings = QUICK, security: str = "ssl"
) -> Iterator[ReportService]:
    """A report service whose delivery workers run."""
    send = SmtpSender(
        mail.host, mail.port, security, mail.user, mail.password, timeout_seconds=1, total_seconds=2, context=mail.trust
    )
    transport = MailTransport(
        send, "reports@example.com", is_repeatable=False, is_suppressed=Suppressions(database).is_suppressed
    )
    report_service = ReportService(database, {}, Path("/nonexistent"), transport, settings, keep_spare=False)
    report_service.start()
    try:
        yield report_service
    finally:
        report_service.close()


def ended(report_service: ReportService, report_id: str = "r", seconds: float = 20) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while (job := report_service.job_store.get(report_id))["state"] not in states.ENDED:
        assert time.monotonic() < until, job
        time.sleep(0.02)
    return job


def mails(mail: SmtpServer) -> Counter[str]:
    return Counter(received.recipients[0] for received in mail.received)


FAULTS = [
    # script, state, messages that arrived whole
    ({}, "sent", 1),
    ({"recipient": "550 5.1.1 no such user"}, "refused", 0),
    ({"sender": "552 5.3.4 too big"}, "refused", 0),
    ({"login": "535 5.7.8 wrong"}, "refused", 0),
    ({"message": "552 5.2.2 mailbox full"}, "refused", 1),
    ({"message": DROP}, "possibly_sent", 1),
    ({"message": SILENT}, "possibly_sent", 1),
]


@pytest.mark.parametrize(("script", "state", "arrived"), FAULTS, ids=str)
def test_what_the_mail_server_says_for_good_ends_it_at_once(
    database: Database, script: dict[str, str], state: str, arrived: int
) -> None:
    with smtp_server("ssl", script) as mail, mailing_service(database, mail) as report_service:
        put_rendered(report_service, "r", "a@b.com")
        job = ended(report_service)
        time.sleep(0.5)  # whatever would come a second time has come by then
        assert job["state"] == state
        assert sum(mails(mail).values()) == arrived
        (recipient,) = job["recipients"]
        assert (recipient["state"], recipient["attempts"]) == (state, 1)
        assert recipient["reply"].startswith("250") if state == "sent" else recipient["reason"]


@pytest.mark.parametrize(
    "script",
    [
        {"greet": "421 4.3.2 too busy"},
        {"greet": DROP},
        {"greet": SILENT},
        {"login": "454 4.7.0 later"},
        {"sender": "451 4.3.0 later"},
        {"recipient": "450 4.2.1 greylisted"},
        {"recipient": "421 4.7.0 go away"},
        {"recipient": DROP},
        {"data": "451 4.3.0 no room"},
        {"data": DROP},
        {"message": "451 4.3.0 try later"},
    ],
    ids=str,
)
def test_what_may_pass_is_tried_again_until_it_has_passed_and_then_no_more(
    database: Database, script: dict[str, str]
) -> None:
    with smtp_server("ssl", script) as mail, mailing_service(database, mail) as report_service:
        put_rendered(report_service, "r", "a@b.com")
        job = report_service.wait("r", 10)
        assert job["state"] == "deferred"
        with pytest.raises(MailDeferred) as caught:
            report_result.raise_unless_delivered(job)
        assert caught.value.facts["next_attempt_at"].endswith("Z")
        refused = len(mail.received)
        mail.script.clear()
        job = ended(report_service)
        time.sleep(0.5)
        assert job["state"] == "sent"
        assert len(mail.received) == refused + 1
        assert job["recipients"][0]["attempts"] >= 2
        assert {received.message["Message-ID"] for received in mail.received} == {"<r.0@example.com>"}


def test_a_certificate_that_nobody_vouches_for_is_tried_again_and_said(database: Database) -> None:
    with smtp_server("ssl") as mail:
        send = SmtpSender(mail.host, mail.port, "ssl", mail.user, mail.password, 1, 2)
        report_service = ReportService(
            database, {}, Path("/nonexistent"), MailTransport(send, "reports@example.com", is_repeatable=False), QUICK
        )
        put_rendered(report_service, "r", "a@b.com")
        report_service.deliver(report_service.job_store.claim(states.TO_SEND))
        (recipient,) = report_service.job_store.get("r")["recipients"]
        assert (recipient["state"], mail.received) == ("deferred", [])
        assert "certificate is not trusted" in recipient["reason"]


def test_what_never_passes_is_given_up_and_says_why(database: Database) -> None:
    settings = report_settings_with(first_retry_seconds=0.1, lease_seconds=1.0, report_retry_seconds=1.5)
    with (
        smtp_server("ssl", {"recipient": "450 4.2.1 later"}) as mail,
        mailing_service(database, mail, settings) as report_service,
    ):
        put_rendered(report_service, "r", "a@b.com")
        job = ended(report_service)
        assert (job["state"], mail.received) == ("expired", [])
        assert "450 4.2.1 later" in job["recipients"][0]["reason"]
        with pytest.raises(ReportExpired):
            report_result.raise_unless_delivered(job)


def test_however_long_nobody_could_send_it_a_mail_is_tried_once(database: Database) -> None:
    with smtp_server("ssl") as mail:
        other = ReportService(
            database, {}, Path("/nonexistent"), MailTransport(_none, "reports@example.com", is_repeatable=False), QUICK
        )
        put_rendered(other, "r", "a@b.com")
        edit_job(database, "r", {"$set": {"give_up_at": NOW}})
        with mailing_service(database, mail) as report_service:
            assert ended(report_service)["state"] == "sent"


def test_one_address_that_is_refused_makes_no_other_get_two(database: Database) -> None:
    people = ("a@b.com", "gone@b.com", "c@d.com")
    with smtp_server("ssl") as mail, mailing_service(database, mail) as report_service:
        mail.refused_recipients = {"gone@b.com"}
        put_rendered(report_service, "r", *people)
        job = ended(report_service)
        time.sleep(0.5)
        assert mails(mail) == {"a@b.com": 1, "c@d.com": 1}
        assert [one["state"] for one in job["recipients"]] == ["sent", "refused", "sent"]
        assert job["state"] == "partly_sent"
        with pytest.raises(MailPartlySent) as caught:
            report_result.raise_unless_delivered(job)
        assert "gone@b.com: refused" in caught.value.facts["recipients"]
        assert len({received.message["Message-ID"] for received in mail.received}) == 2


def test_who_left_is_not_mailed(database: Database) -> None:
    Suppressions(database).add("A@b.com", "report")
    with smtp_server("ssl") as mail, mailing_service(database, mail) as report_service:
        put_rendered(report_service, "r", "a@b.com")
        job = ended(report_service)
        assert (job["state"], mail.received) == ("suppressed", [])
        with pytest.raises(RecipientSuppressed):
            report_result.raise_unless_delivered(job)


def test_who_left_is_no_reason_for_another_s_report_to_count_as_failed(database: Database) -> None:
    Suppressions(database).add("gone@b.com", "report")
    with smtp_server("ssl") as mail, mailing_service(database, mail) as report_service:
        put_rendered(report_service, "r", "gone@b.com", "a@b.com")
        job = ended(report_service)
        assert (job["state"], mails(mail)) == ("sent", {"a@b.com": 1})
        report_result.raise_unless_delivered(job)
        told = response_bodies.report(report_result.record(job))
        assert told["msg"] == "Relatório enviado com sucesso! Não enviado a pedido do destinatário: gone@b.com."


def test_a_report_leaves_by_the_account_that_it_was_asked_for_with_and_no_other(
    database: Database, tmp_path: Path
) -> None:
    outbox = ReportService(
        database, {}, tmp_path, MailTransport(Outbox(tmp_path), "own@example.com", is_repeatable=True), QUICK
    )
    with smtp_server("ssl") as mail, mailing_service(database, mail) as report_service:
        put_rendered(outbox, "theirs", "stranger@evil.com")
        put_rendered(report_service, "ours", "a@b.com")
        assert ended(report_service, "ours")["state"] == "sent"
        assert report_service.job_store.get("theirs")["state"] == "rendered"
        assert mails(mail) == {"a@b.com": 1}
        assert (report_service.job_store.overdue_seconds(), outbox.job_store.overdue_seconds() > 0) == (0, True)
        outbox.deliver(outbox.job_store.claim(states.TO_SEND))
        assert report_service.job_store.get("theirs")["state"] == "written"


def test_a_report_from_before_accounts_were_written_down_is_anybody_s(database: Database) -> None:
    with smtp_server("ssl") as mail, mailing_service(database, mail) as report_service:
        other = ReportService(
            database, {}, Path("/nonexistent"), MailTransport(_none, "other@example.com", is_repeatable=False), QUICK
        )
        put_rendered(other, "r", "a@b.com")
        edit_job(database, "r", {"$unset": {"sender": ""}})
        assert ended(report_service)["state"] == "sent"


def test_a_report_whose_account_nobody_has_is_ended_by_another_after_a_day_and_not_sent(database: Database) -> None:
    with smtp_server("ssl") as mail, mailing_service(database, mail) as report_service:
        other = ReportService(
            database, {}, Path("/nonexistent"), MailTransport(_none, "other@example.com", is_repeatable=False), QUICK
        )
        put_rendered(other, "r", "a@b.com")
        edit_job(database, "r", {"$set": {"due_at": NOW - timedelta(days=2)}})
        job = ended(report_service)
        assert (job["state"], mail.received) == ("expired", [])
        assert "by the account" in job["recipients"][0]["reason"]


def test_who_may_receive_no_more_when_it_is_sent_is_not_mailed(database: Database) -> None:
    with smtp_server("ssl") as mail:
        send = SmtpSender(mail.host, mail.port, "ssl", mail.user, mail.password, context=mail.trust)
        transport = MailTransport(
            send, "reports@example.com", is_repeatable=False, allows_recipient=lambda address: address == "a@b.com"
        )
        report_service = ReportService(database, {}, Path("/nonexistent"), transport, QUICK)
        put_rendered(report_service, "r", "a@b.com", "stranger@evil.com")
        report_service.deliver(report_service.job_store.claim(states.TO_SEND))
        job = report_service.job_store.get("r")
        assert mails(mail) == {"a@b.com": 1}
        assert [one["state"] for one in job["recipients"]] == ["sent", "refused"]
        assert "REPORT_RECIPIENTS" in job["recipients"][1]["reason"]


def test_the_settings_name_the_sender_and_the_allowed_recipients(database: Database) -> None:
    given = {"EMAIL_FROM": "Team@b.com", "PASSWORD": "x", "REPORT_RECIPIENTS": "@b.com"}
    report_service = service_of(database, given)
    assert (report_service.transport.sender, report_service.job_store.sender) == ("Team@b.com", "team@b.com")
    assert [report_service.transport.allows_recipient(address) for address in ("a@b.com", "a@evil.com")] == [
        True,
        False,
    ]
    request = ReportRequest("r", Path("report.ipynb"), Window(NOW, 6), ("a@b.com",))
    assert report_service.submission(request).repeat_key != service_of(database, {}).submission(request).repeat_key


def test_a_recipient_who_was_being_sent_to_when_a_server_died_is_not_sent_to_again(database: Database) -> None:
    with smtp_server("ssl") as mail, mailing_service(database, mail) as report_service:
        other = ReportService(
            database, {}, Path("/nonexistent"), MailTransport(_none, "reports@example.com", is_repeatable=False), QUICK
        )
        report_service.close()
        put_rendered(other, "r", "a@b.com", "c@d.com")
        assert other.job_store.claim(states.TO_SEND) is not None
        other.job_store.begin_sending("r", 0)  # and here it dies
        with mailing_service(database, mail) as heir:
            job = ended(heir)
    assert [one["state"] for one in job["recipients"]] == ["possibly_sent", "sent"]
    assert mails(mail) == {"c@d.com": 1}
    with pytest.raises(MailPartlySent):
        report_result.raise_unless_delivered(job)


def test_a_mail_that_another_server_took_for_possibly_sent_is_sent_where_it_is_known_to_be_refused(
    database: Database,
) -> None:
    with smtp_server("ssl") as mail:

        def send(_content: bytes, _email_to: str, on_leaving: Callable[[], None]) -> Any:
            on_leaving()
            edit_job(database, "r", {"$set": {"due_at": NOW}})  # its lease has run out
            with mailing_service(database, mail) as heir:
                assert ended(heir)["state"] == "possibly_sent"
            raise MailRefused(reason="451 later", possibly_sent=False, is_temporary=True)

        cut_off = ReportService(
            database, {}, Path("/nonexistent"), MailTransport(send, "reports@example.com", is_repeatable=False), QUICK
        )
        put_rendered(cut_off, "r", "a@b.com")
        cut_off.deliver(cut_off.job_store.claim(states.TO_SEND))
        assert (cut_off.job_store.get("r")["state"], mail.received) == ("deferred", [])
        with mailing_service(database, mail) as heir:
            assert ended(heir)["state"] == "sent"
    assert mails(mail) == {"a@b.com": 1}


def test_a_delivery_worker_keeps_a_job_whose_render_worker_lets_go_of_it_only_then(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending, arrived = threading.Event(), threading.Event()

    def send(_content: bytes, _email_to: str, on_leaving: Callable[[], None]) -> Delivery:
        sending.set()
        assert arrived.wait(10)
        on_leaving()
        return Delivery("smtp", "250 OK")

    def render(worker: RenderWorker, job: dict[str, Any], _on_progress: object) -> None:
        worker.files.put(job["_id"], {"message.eml": b"Subject: s\r\n\r\ntext\r\n"})
        worker.job_store.release(job["_id"], states.RENDERED)
        assert sending.wait(10)

    monkeypatch.setattr(RenderWorker, "render", render)
    transport = MailTransport(send, "reports@example.com", is_repeatable=False)
    report_service = ReportService(database, {}, Path("/nonexistent"), transport, QUICK, keep_spare=False)
    report_service.start()
    report_service.enqueue(ReportRequest("r", Path("report.ipynb"), Window(NOW, 6), ("a@b.com",)), submit("r"))
    assert sending.wait(10)
    time.sleep(QUICK.lease_seconds * 1.5)
    assert JobStore(database, "another").claim(states.TO_SEND) is None
    arrived.set()
    assert ended(report_service)["state"] == "sent"
    report_service.close()


def test_into_the_outbox_it_is_written_once_whatever_happened(database: Database, tmp_path: Path) -> None:
    transport = MailTransport(Outbox(tmp_path), "reports@example.com", is_repeatable=True)
    report_service = ReportService(database, {}, tmp_path, transport, QUICK)
    put_rendered(report_service, "r", "a@b.com")
    job = report_service.job_store.claim(states.TO_SEND)
    assert job is not None
    report_service.job_store.begin_sending("r", 0)
    report_service.deliver(report_service.job_store.get("r"))
    assert report_service.job_store.get("r")["state"] == "written"
    assert len(list(tmp_path.glob("*.eml"))) == 1


@pytest.mark.parametrize("is_of_an_older_version", [True, False])
def test_what_a_mail_server_may_have_is_possibly_sent_to_a_server_with_an_outbox_too(
    database: Database, tmp_path: Path, *, is_of_an_older_version: bool
) -> None:
    mailing = ReportService(
        database, {}, tmp_path, MailTransport(_none, "reports@example.com", is_repeatable=False), QUICK
    )
    put_rendered(mailing, "r", "a@b.com", "c@d.com")
    assert mailing.job_store.claim(states.TO_SEND) is not None
    mailing.job_store.begin_sending("r", 0)  # and here it dies, for days
    known = mailing.job_store.get("r")["repeat_key"]
    then = {"$set": {"due_at": NOW - timedelta(days=2)}}
    edit_job(database, "r", then | ({"$unset": {"sender": ""}} if is_of_an_older_version else {}))
    transport = MailTransport(Outbox(tmp_path), "reports@localhost.localdomain", is_repeatable=True)
    heir = ReportService(database, {}, tmp_path, transport, QUICK)
    heir.deliver(heir.job_store.claim(states.TO_SEND))
    job = heir.job_store.get("r")
    other = "written" if is_of_an_older_version else "expired"
    assert [one["state"] for one in job["recipients"]] == ["possibly_sent", other]
    assert job["state"] == ("partly_sent" if is_of_an_older_version else "possibly_sent")
    assert job["repeat_key"] == known


@pytest.mark.parametrize("is_applied", [True, False])
def test_nothing_is_sent_that_could_not_be_recorded_and_it_is_sent_later(
    database: Database, monkeypatch: pytest.MonkeyPatch, *, is_applied: bool
) -> None:
    begin_sending = JobStore.begin_sending

    def lose_answer(job_store: JobStore, report_id: str, place: int) -> None:
        if is_applied:
            begin_sending(job_store, report_id, place)
        raise DatabaseUnreachable(reason="away")

    with smtp_server("ssl") as mail:
        send = SmtpSender(mail.host, mail.port, "ssl", mail.user, mail.password, context=mail.trust)
        report_service = ReportService(
            database, {}, Path("/nonexistent"), MailTransport(send, "reports@example.com", is_repeatable=False), QUICK
        )
        put_rendered(report_service, "r", "a@b.com")
        with monkeypatch.context() as away:
            away.setattr(JobStore, "begin_sending", lose_answer)
            report_service.deliver(report_service.job_store.claim(states.TO_SEND))
        assert mail.received == []
        job = report_service.job_store.get("r")
        (recipient,) = job["recipients"]
        assert (job["state"], recipient["state"], recipient["attempts"]) == ("deferred", "deferred", 1)
        assert "nothing was sent" in recipient["reason"]
        with mailing_service(database, mail) as heir:
            assert ended(heir)["state"] == "sent"
        assert mails(mail) == {"a@b.com": 1}


def test_a_message_that_is_gone_is_a_failed_report(database: Database) -> None:
    with smtp_server("ssl") as mail, mailing_service(database, mail) as report_service:
        report_service.close()
        put_rendered(report_service, "r", "a@b.com")
        report_service.files.remove("r")
        report_service.deliver(report_service.job_store.claim(states.TO_SEND))
        job = report_service.job_store.get("r")
        assert (job["state"], mail.received) == ("failed", [])
        with pytest.raises(Exception, match="not in the database any more"):
            report_result.raise_unless_delivered(job)


def test_a_message_with_a_lost_part_fails_the_report_and_a_recipient_who_may_have_it_is_possibly_sent(
    database: Database,
) -> None:
    with smtp_server("ssl") as mail, mailing_service(database, mail) as report_service:
        report_service.close()
        put_rendered(report_service, "r", "a@b.com", "c@d.com")
        assert report_service.job_store.claim(states.TO_SEND) is not None
        report_service.job_store.begin_sending("r", 0)
        database["report_files.chunks"].delete_many({})
        report_service.deliver(report_service.job_store.get("r"))
        job = report_service.job_store.get("r")
        assert [one["state"] for one in job["recipients"]] == ["possibly_sent", "failed"]
        assert (job["state"], mail.received) == ("possibly_sent", [])


def test_a_message_that_cannot_be_read_is_not_looked_for_for_ever_but_after_its_time_still_so_often(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> bytes:
        raise DatabaseUnreachable(reason="away")

    report_service = ReportService(
        database, {}, Path("/nonexistent"), MailTransport(_none, "reports@example.com", is_repeatable=False), QUICK
    )
    put_rendered(report_service, "r", "a@b.com")
    edit_job(database, "r", {"$set": {"give_up_at": NOW}})  # its server was away for years
    monkeypatch.setattr("pycemaker.jobs.artifacts.ArtifactStore.get", away)
    for _ in range(MOST_LATE_READS - 1):
        with pytest.raises(DatabaseUnreachable):
            report_service.deliver(report_service.job_store.claim(states.TO_SEND))
        edit_job(database, "r", {"$set": {"due_at": NOW}})
    report_service.deliver(report_service.job_store.claim(states.TO_SEND))
    job = report_service.job_store.get("r")
    assert (job["state"], job["recipients"][0]["state"]) == ("expired", "expired")
    assert "could not be read" in job["recipients"][0]["reason"]


def test_scratch_that_a_server_left_behind_goes_after_a_day(database: Database, tmp_path: Path) -> None:
    report_service = ReportService(
        database, {}, tmp_path, MailTransport(_none, "reports@example.com", is_repeatable=False), QUICK
    )
    for name, age_seconds in (("old", 90_000), ("young", 3_600)):
        (tmp_path / "reports" / name).mkdir(parents=True)
        os.utime(tmp_path / "reports" / name, (time.time() - age_seconds,) * 2)
    report_service.apply_retention()
    assert [folder.name for folder in (tmp_path / "reports").iterdir()] == ["young"]


def test_old_reports_go_with_their_files(database: Database) -> None:
    with (
        smtp_server("ssl") as mail,
        mailing_service(database, mail, report_settings_with(report_retention_days=0)) as report_service,
    ):
        put_rendered(report_service, "r", "a@b.com")
        ended(report_service)
        assert report_service.apply_retention() == 1
        assert (report_service.job_store.newest(5), report_service.files.names("r")) == ([], [])


@pytest.mark.parametrize(("attempts", "least", "most"), [(1, 7.5, 15), (2, 15, 30), (7, 450, 900), (1000, 450, 900)])
def test_attempts_grow_apart_and_no_two_servers_keep_step(attempts: int, least: float, most: float) -> None:
    delays = [delay_seconds(attempts, 15.0) for _ in range(200)]
    assert least <= min(delays) < max(delays) <= most
    assert len(set(delays)) > 150


def _none(*_: object) -> Any:
    raise MailRefused(reason="nobody sends here", possibly_sent=False, is_temporary=True)
