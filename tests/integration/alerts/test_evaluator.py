"""Rules of every application over a real MongoDB: what fires, what is enqueued, and by whom."""

from __future__ import annotations

import base64
import hmac
import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pycemaker.alerts import evaluator as evaluator_module
from pycemaker.alerts import observer as observer_module
from pycemaker.alerts.default_rules import DEFAULT_RULES
from pycemaker.alerts.evaluator import SETTLING_SECONDS, RoundLost
from pycemaker.alerts.observer import Observer
from pycemaker.alerts.rule import Rule
from pycemaker.alerts.rule_state import Observation
from pycemaker.cache.sample_store import Store
from pycemaker.jobs import states
from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.database import Database
from pycemaker.monitor.alert_history import AlertHistory
from pycemaker.monitor.forecast_reader import ForecastReader
from pycemaker.monitor.sample_means import SampleMeans
from pycemaker.window import to_epoch_ms
from tests.services.alerting import MINUTE, NOON, QUIET, deliver_plain, evaluate, evaluator_of, jobs_of, plant, sent


def test_a_busy_application_is_told_of_and_its_neighbour_is_not(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    evaluator = evaluator_of(database, database_url, tmp_path)
    plant(database, NOON - 10 * MINUTE, 25, QUIET)
    plant(database, NOON - 10 * MINUTE, 10, QUIET, application="loja")
    plant(database, NOON, 7, QUIET | {"cpu": 0.97}, application="loja")
    plant(database, NOON + 7 * MINUTE, 8, QUIET, application="loja")
    evaluate(evaluator, NOON - 2 * MINUTE, 17)
    [alert] = AlertHistory(database).latest("loja", 9)
    assert (alert.rule, alert.metric, alert.worst) == ("threshold-cpu", "cpu", 0.97)
    assert (alert.since, alert.fired_at, alert.ended_at) == (NOON, NOON + 5 * MINUTE, NOON + 12 * MINUTE)
    assert AlertHistory(database).latest("", 9) == []
    fired, ended = jobs_of(evaluator)
    assert (fired["application"], fired["parameters"]["alerts"]) == ("loja", [alert.id])
    assert (fired["end"], ended["end"]) == (alert.fired_at, alert.ended_at)
    assert ended["hours"] == 2


def test_both_mails_of_an_alert_are_one_conversation(database: Database, database_url: str, tmp_path: Path) -> None:
    evaluator = evaluator_of(database, database_url, tmp_path, ALERT_RECIPIENTS="ana@example.com,rui@example.com")
    plant(database, NOON, 7, QUIET | {"ram": 0.99})
    plant(database, NOON + 7 * MINUTE, 8, QUIET)
    evaluate(evaluator, NOON, 7)
    deliver_plain(evaluator)
    evaluate(evaluator, NOON + 7 * MINUTE, 8)
    messages = deliver_plain(evaluator)
    by_address = {name: [m for m in messages if m["To"] == name] for name in ("ana@example.com", "rui@example.com")}
    for first, last in by_address.values():
        assert first["References"] is None
        assert last["References"] == last["In-Reply-To"] == first["Message-ID"]
        assert last["Subject"] == f"Re: {first['Subject']}"
    assert len({message["Message-ID"] for message in messages}) == 4


def test_what_fires_leads_the_mail_that_also_tells_an_end(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    evaluator = evaluator_of(database, database_url, tmp_path)
    plant(database, NOON, 5, QUIET | {"cpu": 0.97})
    plant(database, NOON + 5 * MINUTE, 5, QUIET | {"response_time": 3.0})
    evaluate(evaluator, NOON, 10)
    message = deliver_plain(evaluator)[-1]
    assert message["Subject"].startswith("Tempo de resposta acima de 2 s e mais 1 alerta")


def test_a_dead_collector_is_one_mail(database: Database, database_url: str, tmp_path: Path) -> None:
    evaluator = evaluator_of(database, database_url, tmp_path)
    plant(database, NOON - 10 * MINUTE, 10, QUIET)
    evaluate(evaluator, NOON - 3 * MINUTE, 12)
    [job] = jobs_of(evaluator)
    assert len(job["parameters"]["alerts"]) == len(QUIET) - 1  # nobody may have asked: no response time
    alerts = AlertHistory(database).open("")
    assert {(alert.kind, alert.since, alert.fired_at) for alert in alerts} == {("no_data", NOON, NOON + 6 * MINUTE)}
    plant(database, NOON + 9 * MINUTE, 3, QUIET)
    evaluate(evaluator, NOON + 9 * MINUTE, 3)
    assert AlertHistory(database).open("") == []
    assert len(jobs_of(evaluator)) == 2


def test_a_server_that_starts_knows_what_fell_silent_before(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    plant(database, NOON - 10 * MINUTE, 10, QUIET)
    evaluator = evaluator_of(database, database_url, tmp_path)
    evaluate(evaluator, NOON + timedelta(hours=2), 1)
    assert len(AlertHistory(database).open("")) == len(QUIET) - 1


def test_a_restarted_server_sees_many_that_fell_silent_at_once(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    for number in range(80):
        plant(database, NOON - MINUTE, 1, {"cpu": 0.3}, application=f"app-{number}")
    evaluate(evaluator_of(database, database_url, tmp_path), NOON + 10 * MINUTE, 1)
    assert len(AlertHistory(database).open()) == 80


def test_forecasts_do_not_hold_a_minute_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    class SlowForecasts(ForecastReader):
        made = 0

        def hours_until(self, *_: object) -> float:
            self.made += 1
            time.sleep(0.01)
            return 1.0

    monkeypatch.setattr(observer_module, "FORECAST_SECONDS", 0.05)
    plant(store.database, NOON - MINUTE, 1, {"disk": 0.5}, application="loja")
    forecasts = SlowForecasts()
    observer = Observer(store, forecasts)
    rule = next(rule for rule in DEFAULT_RULES if rule.id == "forecast-disk")
    for minute in range(60):
        observer.observe(to_epoch_ms(NOON + minute * MINUTE))
        for _ in range(100):
            observer.seen_by("loja", rule)
    assert 1 <= forecasts.made <= 5


def test_a_sample_of_the_future_hides_no_silence(database: Database, database_url: str, tmp_path: Path) -> None:
    for application in ("", "loja"):
        plant(database, NOON - 10 * MINUTE, 10, {"cpu": 0.3}, application=application)
        plant(database, NOON + timedelta(days=1500), 1, {"cpu": 0.3}, application=application)
    plant(database, NOON + timedelta(days=1500), 1, {"ram": 0.3}, application="loja")
    evaluate(evaluator_of(database, database_url, tmp_path), NOON + 10 * MINUTE, 1)
    alerts = AlertHistory(database).open()
    assert [(alert.rule, alert.since) for alert in alerts] == [("no_data-cpu", NOON)] * 2


def test_applications_of_names_that_no_route_has_are_not_watched(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    evaluator = evaluator_of(database, database_url, tmp_path)
    for name in ("../x", "A" * 10_000, "a b", "\u202e"):
        plant(database, NOON, 6, {"cpu": 0.97}, application=name)
    plant(database, NOON, 6, {"cpu": 0.97}, application="loja")
    evaluate(evaluator, NOON, 6)
    assert evaluator.observer.applications == ["loja"]
    assert [alert.application for alert in AlertHistory(database).open()] == ["loja"]


def test_samples_that_are_gone_end_no_round(database: Database, database_url: str, tmp_path: Path) -> None:
    evaluator = evaluator_of(database, database_url, tmp_path)
    plant(database, NOON, 1, {"cpu": 0.3}, application="loja")
    plant(database, NOON, 9, {"cpu": 0.97})
    evaluate(evaluator, NOON, 1)
    database["cpu_usage"].delete_many({"application": "loja"})
    evaluate(evaluator, NOON + MINUTE, 8)
    assert [alert.rule for alert in AlertHistory(database).open("")] == ["threshold-cpu"]


def test_silence_counts_anew_after_a_stop_of_every_server(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """The server that collects was stopped for an hour: its samples come again, and nobody is mailed."""
    settled = timedelta(seconds=SETTLING_SECONDS)
    plant(database, NOON - 10 * MINUTE, 10, QUIET)
    evaluator_of(database, database_url, tmp_path / "before").evaluate_due(NOON + settled)
    after = evaluator_of(database, database_url, tmp_path / "after")
    again = NOON + 60 * MINUTE
    after.evaluate_due(again + settled)
    assert AlertHistory(database).open("") == []
    for minute in range(1, 7):
        after.evaluate_due(again + minute * MINUTE + settled)
    assert len(AlertHistory(database).open("")) == len(QUIET) - 1
    assert {alert.since for alert in AlertHistory(database).open("")} == {NOON}


def test_a_slow_collector_is_not_silent(database: Database, database_url: str, tmp_path: Path) -> None:
    """A sample every ten minutes: no minute between them says anything."""
    for step in range(12):
        for name, reading in {"cpu_usage": 0.5, "disk_usage": 0.95}.items():
            database[name].insert_one({"time_series": NOON + 10 * step * MINUTE, "value": reading})
    evaluator = evaluator_of(database, database_url, tmp_path)
    evaluate(evaluator, NOON + timedelta(minutes=79), 31)
    assert [alert.rule for alert in AlertHistory(database).open("")] == ["threshold-disk"]


def test_a_round_is_claimed_by_one_server_and_caught_up_on(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    one, other = (evaluator_of(database, database_url, tmp_path / name) for name in ("one", "other"))
    settled = timedelta(seconds=SETTLING_SECONDS)
    assert one.evaluate_due(NOON + settled) == 1
    assert other.evaluate_due(NOON + settled) == 0
    assert one.evaluate_due(NOON + settled + timedelta(seconds=59)) == 0
    assert other.evaluate_due(NOON + settled + 3 * MINUTE) == 3
    assert one.evaluate_due(NOON + settled + timedelta(hours=9)) == 30


def test_a_server_that_lost_its_round_goes_no_further(database: Database, database_url: str, tmp_path: Path) -> None:
    one, other = (evaluator_of(database, database_url, tmp_path / name) for name in ("one", "other"))
    one.evaluate_due(NOON + timedelta(seconds=SETTLING_SECONDS))
    observe = one.observer.observe

    def stall(at_ms: int) -> None:
        observe(at_ms)
        database["alert_rounds"].update_one({}, {"$set": {"lease_until": NOON - timedelta(days=1000)}})
        other.evaluate_due(NOON + 2 * MINUTE + timedelta(seconds=SETTLING_SECONDS))

    one.observer.observe = stall  # type: ignore[method-assign]
    with pytest.raises(RoundLost):
        one.evaluate_due(NOON + 2 * MINUTE + timedelta(seconds=SETTLING_SECONDS))


@pytest.mark.parametrize("lost", [(13, 14, 15), (13, 15, 17, 27, 28)])
def test_rules_and_the_page_see_one_health_where_samples_are_lost(database: Database, lost: tuple[int, ...]) -> None:
    plant(database, NOON - 90 * MINUTE, 100, QUIET | {"request_count": 400.0, "cpu": 0.6})
    database["request_count"].delete_many({"time_series": {"$in": [NOON + timedelta(seconds=10 * at) for at in lost]}})
    store = Store(database)
    observer = Observer(store, ForecastReader())
    health = next(rule for rule in DEFAULT_RULES if rule.kind == "health")
    seen = []
    for minute in range(-2, 6):
        observer.observe(to_epoch_ms(NOON + minute * MINUTE))
        seen.append(observer.seen_by("", health).reading)
    shown = SampleMeans().health(store, NOON + 5 * MINUTE, 8).score.tolist()
    assert seen == shown == [1 - 5 / 12] * 8  # two points of CPU, one of RAM, two of 40 requests a second


def test_a_new_cadence_of_requests_is_believed_within_the_five_minutes_of_a_rule(database: Database) -> None:
    steps = [*range(0, 600, 5), *range(600, 1500, 60)]
    at = {second: NOON + timedelta(seconds=second) for second in steps}
    counts = {second: 150.0 if second < 600 else 1800.0 for second in steps}
    database["request_count"].insert_many(
        [{"time_series": at[each], "value": 0, "value_success": counts[each], "value_fail": 0} for each in steps]
    )
    observer = Observer(Store(database), ForecastReader())
    rule = Rule("busy", "threshold", "request_count", 100.0, 80.0)
    seen = []
    for minute in range(1, 25):
        observer.observe(to_epoch_ms(NOON + minute * MINUTE))
        seen.append(observer.seen_by("", rule).reading)
    assert seen[:10] == seen[14:] == [30.0] * 10


def test_a_long_minute_keeps_its_claim_or_ends(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluator_module, "RENEW_SECONDS", 0.0)
    evaluator, rounds = evaluator_of(database, database_url, tmp_path), database["alert_rounds"]
    observe, seen_by = evaluator.observer.observe, evaluator.observer.seen_by
    lapsed, leases = NOON - timedelta(days=1000), list[datetime]()
    for application in ("bar", "loja"):
        plant(database, NOON, 1, QUIET, application=application)

    def let_lapse(application: str, rule: Rule) -> Observation:
        leases.append(rounds.find_one_and_update({}, {"$set": {"lease_until": lapsed}})["lease_until"])
        return seen_by(application, rule)

    def lose(at_ms: int) -> None:
        observe(at_ms)
        rounds.update_one({}, {"$set": {"owner": "another"}})

    evaluator.observer.seen_by = let_lapse  # type: ignore[method-assign]
    evaluator.evaluate_due(NOON + MINUTE + timedelta(seconds=SETTLING_SECONDS))
    assert sum(lease > lapsed for lease in leases) == 2
    evaluator.observer.observe = lose  # type: ignore[method-assign]
    with pytest.raises(RoundLost):
        evaluator.evaluate_due(NOON + 2 * MINUTE + timedelta(seconds=SETTLING_SECONDS))
    assert len(leases) == 2 * len(DEFAULT_RULES)


def test_what_a_server_left_unsent_is_sent_by_the_next(database: Database, database_url: str, tmp_path: Path) -> None:
    one, other = (evaluator_of(database, database_url, tmp_path / name) for name in ("one", "other"))
    plant(database, NOON, 8, QUIET | {"cpu": 0.97})
    one.mail.send_pending = lambda _document: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        evaluate(one, NOON, 8)
    assert AlertHistory(database).open("") == []
    assert other.evaluate_due(NOON + 8 * MINUTE + timedelta(seconds=SETTLING_SECONDS)) == 1
    assert len(AlertHistory(database).open("")) == 1
    assert len(jobs_of(other)) == 1


def test_a_limit_holds_mails_back_and_the_next_one_says_so(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    evaluator = evaluator_of(database, database_url, tmp_path, ALERT_LIMIT_PER_HOUR="1")
    plant(database, NOON, 6, QUIET | {"cpu": 0.97})
    plant(database, NOON + 6 * MINUTE, 8, QUIET)
    evaluate(evaluator, NOON, 14)
    assert len(jobs_of(evaluator)) == 1
    evaluator.mail.send_held(NOON + 14 * MINUTE)
    assert len(deliver_plain(evaluator)) == 1
    database["limits"].delete_many({})
    evaluator.mail.send_held(NOON + 90 * MINUTE)
    _, held = deliver_plain(evaluator)
    body = held.get_body(("plain",))
    assert body is not None
    assert held["Subject"] == "1 alerta retido pelo limite de mensagens por hora"
    assert "Terminou" in body.get_content()
    evaluator.mail.send_held(NOON + 91 * MINUTE)
    assert len(deliver_plain(evaluator)) == 2


def test_an_alert_that_is_held_back_twice_is_mailed_of_twice_under_ids_that_nobody_can_guess(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    evaluator = evaluator_of(database, database_url, tmp_path)
    plant(database, NOON, 6, QUIET | {"cpu": 0.97})
    evaluate(evaluator, NOON, 6)
    [alert] = AlertHistory(database).open("")
    held = database["alerts_held"]
    for hours in (1, 5):
        held.replace_one({"_id": "held"}, {"alerts": [alert.id]}, upsert=True)
        evaluator.mail.send_held(NOON + timedelta(hours=hours))
    ids = {str(job["_id"]) for job in evaluator.report_service.job_store.newest(9) if "alert" not in job}
    assert len(ids) == 2
    guess = base64.urlsafe_b64encode(hmac.digest(b"held", alert.id.encode(), "sha256")[:16]).rstrip(b"=").decode()
    assert guess not in ids


def test_an_alert_whose_notebook_fails_leaves_as_the_plain_mail(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    evaluator = evaluator_of(database, database_url, tmp_path)
    (tmp_path / "notebooks").mkdir()
    service = evaluator.report_service
    service.notebooks = tmp_path / "notebooks"
    plant(database, NOON, 6, QUIET | {"cpu": 0.97})
    evaluate(evaluator, NOON, 6)
    job = service.job_store.claim(states.TO_RENDER)
    assert job is not None
    service.render(job, service.slots[0])
    claimed = service.job_store.claim(states.TO_SEND)
    assert claimed is not None
    service.deliver(claimed)
    [message] = sent(evaluator)
    [stored] = jobs_of(evaluator)
    assert (stored["state"], stored["plain"]) == ("written", True)
    body = message.get_body(("plain",))
    assert body is not None
    assert "acima de 90%" in message["Subject"]
    assert "97,0%" in body.get_content()


def test_an_alert_is_claimed_before_reports(database: Database, database_url: str, tmp_path: Path) -> None:
    evaluator = evaluator_of(database, database_url, tmp_path)
    plant(database, NOON, 6, QUIET | {"cpu": 0.97})
    evaluate(evaluator, NOON, 6)
    [alert] = jobs_of(evaluator)
    store = evaluator.report_service.job_store
    store.insert_absent([{**_report(), "_id": f"report-{number}"} for number in range(3)], 60)
    database["reports"].update_many({"_id": {"$ne": alert["_id"]}}, {"$set": {"due_at": NOON}})
    claimed = store.claim(states.TO_RENDER)
    assert claimed is not None
    assert claimed["_id"] == alert["_id"]


def _report() -> dict[str, object]:
    return {"notebook": "report", "parameters": {}, "attach": [], "recipients": []}


def test_an_alert_is_made_by_its_notebook_under_the_subject_of_the_plain_mail(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    public = "https://ops.example.com"
    evaluator = evaluator_of(database, database_url, tmp_path, PUBLIC_URL=public, **os.environ)
    plant(database, NOON - 60 * MINUTE, 60, QUIET)
    plant(database, NOON, 6, QUIET | {"cpu": 0.97})
    plant(database, NOON + 6 * MINUTE, 8, QUIET)
    evaluate(evaluator, NOON, 6)
    service = evaluator.report_service
    _make(service)
    evaluate(evaluator, NOON + 6 * MINUTE, 8)
    _make(service)
    fired, ended = sent(evaluator)
    assert fired["Subject"] == "Consumo de CPU acima de 90% desde 09:00 — 20/05/2026"
    assert ended["Subject"] == f"Re: {fired['Subject']}"
    assert ended["References"] == fired["Message-ID"]
    for message, is_open in ((fired, True), (ended, False)):
        body = message.get_body(("html",))
        assert body is not None
        assert (f"{public}/alerts/links/" in body.get_content()) is is_open
        assert "Consumo de CPU acima de 90%" in body.get_content()
    assert not any(job.get("plain") for job in jobs_of(evaluator))


def _make(service: ReportService) -> None:
    """Render and send what is first in line."""
    job = service.job_store.claim(states.TO_RENDER)
    assert job is not None
    service.render(job, service.slots[0])
    job = service.job_store.claim(states.TO_SEND)
    assert job is not None
    service.deliver(job)
