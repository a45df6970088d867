"""Rate limits in a real MongoDB: right with many requests at once, on several servers, and after a restart."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from pycemaker import errors
from pycemaker.mongo.database import Database
from pycemaker.mongo.rate_limits import COLLECTION, Admission, LimitExceeded, RateLimit, RateLimits
from pycemaker.settings import ROOT, from_mapping
from pycemaker.web.access.access_control import AccessControl

HOURLY = RateLimit("recipient", 3)


def is_admitted(limits: RateLimits, limit: RateLimit = HOURLY, key: str = "a@b.com") -> bool:
    return isinstance(limits.admit([(limit, key)]), Admission)


def age(database: Database, seconds: float) -> None:
    """Make everything that was counted so much older."""
    for document in database[COLLECTION].find():
        hits = [hit | {"at": hit["at"] - timedelta(seconds=seconds)} for hit in document["hits"]]
        database[COLLECTION].update_one({"_id": document["_id"]}, {"$set": {"hits": hits}})


def test_as_many_as_may_are_let_in_and_the_wait_is_until_the_first_of_them_is_over(database: Database) -> None:
    limits = RateLimits(database)
    assert is_admitted(limits)
    age(database, 1000)
    assert [is_admitted(limits) for _ in range(2)] == [True, True]
    refused = limits.admit([(HOURLY, "a@b.com")])
    assert isinstance(refused, LimitExceeded)
    assert refused.retry_after_seconds in (2599, 2600)
    assert is_admitted(limits, key="c@b.com")
    assert is_admitted(limits, RateLimit("caller", 3))


def test_after_retry_after_one_more_is_admitted_and_not_before(database: Database) -> None:
    limits, short = RateLimits(database), RateLimit("recipient", 2, seconds=2)
    assert [is_admitted(limits, short) for _ in range(3)] == [True, True, False]
    refused = limits.look(short, "a@b.com")
    assert refused is not None
    time.sleep(refused.retry_after_seconds - 1)
    assert not is_admitted(limits, short)
    time.sleep(1.05)
    assert is_admitted(limits, short)


def test_what_is_refused_is_not_counted_under_any_key(database: Database) -> None:
    limits, caller = RateLimits(database), RateLimit("caller", 5)
    for _ in range(3):
        assert isinstance(limits.admit([(caller, "x"), (HOURLY, "a@b.com")]), Admission)
    for _ in range(10):
        refused = limits.admit([(caller, "x"), (HOURLY, "c@b.com"), (HOURLY, "a@b.com")])
        assert isinstance(refused, LimitExceeded)
        assert refused.key == "a@b.com"
    assert [is_admitted(limits, caller, "x") for _ in range(3)] == [True, True, False]
    assert [is_admitted(limits, key="c@b.com") for _ in range(4)] == [True, True, True, False]


def test_what_was_refused_later_on_is_given_back_once(database: Database) -> None:
    limits = RateLimits(database)
    admissions = [limits.admit([(HOURLY, "a@b.com")]) for _ in range(3)]
    assert isinstance(admissions[1], Admission)
    admissions[1].release()
    admissions[1].release()
    assert [is_admitted(limits) for _ in range(2)] == [True, False]


def test_a_key_that_is_wanted_twice_counts_twice_or_not_at_all(database: Database) -> None:
    limits = RateLimits(database)
    assert isinstance(limits.admit([(HOURLY, "a@b.com")] * 2), Admission)
    age(database, 600)
    refused = limits.admit([(HOURLY, "a@b.com")] * 2)
    assert isinstance(refused, LimitExceeded)
    assert refused.retry_after_seconds in (2999, 3000)
    assert [is_admitted(limits) for _ in range(2)] == [True, False]


def test_zero_is_no_limit(database: Database) -> None:
    assert all(is_admitted(RateLimits(database), RateLimit("recipient", 0)) for _ in range(50))
    assert RateLimits(database).look(RateLimit("recipient", 0), "a@b.com") is None
    assert database[COLLECTION].count_documents({}) == 0


def test_a_limit_that_was_larger_before_waits_for_as_many_as_are_too_many(database: Database) -> None:
    limits = RateLimits(database)
    for seconds in (100, 100, 100):
        assert is_admitted(limits)
        age(database, seconds)
    refused = limits.admit([(RateLimit("recipient", 1), "a@b.com")])
    assert isinstance(refused, LimitExceeded)
    assert refused.retry_after_seconds in (3499, 3500)  # the newest is 100 s old


def test_of_many_who_ask_two_servers_at_once_as_many_are_let_in_as_may(database_url: str) -> None:
    servers = [Database(database_url) for _ in range(2)]
    limits = [RateLimits(server) for server in servers]
    ready = threading.Barrier(24)

    def ask(number: int) -> int:
        ready.wait()
        return sum(is_admitted(limits[number % 2], RateLimit("recipient", 30)) for _ in range(10))

    with ThreadPoolExecutor(24) as pool:
        assert sum(pool.map(ask, range(24))) == 30
    for server in servers:
        server.close()


def test_another_process_and_a_restarted_one_count_on(database_url: str) -> None:
    ask = (
        "import sys; from pycemaker.mongo.database import Database; from pycemaker.mongo.rate_limits import *;"
        f"database = Database({database_url!r});"
        "print(type(RateLimits(database).admit([(RateLimit('recipient', 3), 'a@b.com')])).__name__); database.close()"
    )
    told = [
        subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
        for _ in range(4)
    ]
    assert told == ["Admission", "Admission", "Admission", "LimitExceeded"]


def test_documents_go_by_themselves_are_small_and_hold_no_address(database: Database) -> None:
    limits = RateLimits(database)
    for _ in range(40):
        limits.admit([(RateLimit("recipient", 30), "somebody@example.com")])
    (document,) = database[COLLECTION].find()
    assert len(document["hits"]) == 30
    assert "somebody" not in str(document)
    ends = document["expires_at"] - datetime.now(UTC)
    assert timedelta(seconds=3590) < ends <= timedelta(seconds=3600)
    (index,) = [i for i in database[COLLECTION].list_indexes() if "expireAfterSeconds" in i]
    assert (list(index["key"]), index["expireAfterSeconds"]) == (["expires_at"], 0)
    age(database, 3601)
    limits.admit([(RateLimit("recipient", 30), "somebody@example.com")])
    (document,) = database[COLLECTION].find()
    assert len(document["hits"]) == 1


def test_a_database_that_is_away_lets_nobody_in() -> None:
    away = Database("mongodb://127.0.0.1:9/x")
    with pytest.raises(errors.DatabaseUnreachable):
        is_admitted(RateLimits(away))
    away.close()


def access_control(database: Database, **given: str) -> AccessControl:
    return AccessControl(from_mapping(given), RateLimits(database))


def test_addresses_of_one_inbox_share_its_limit(database: Database) -> None:
    small = access_control(database, REPORT_LIMIT_PER_RECIPIENT="2")
    small.admit({"REMOTE_ADDR": "192.0.2.1"}, ["Ana+1@B.com", "ana@b.com"])
    with pytest.raises(errors.AskedTooOften) as caught:
        small.admit({"REMOTE_ADDR": "192.0.2.1"}, ["ana+3@b.com"])
    assert caught.value.facts["address"] == "ana+3@b.com"
    small.admit({"REMOTE_ADDR": "192.0.2.1"}, ["bia+3@b.com"])


def test_behind_a_trusted_proxy_callers_differ_and_cannot_be_made_up(database: Database) -> None:
    small = access_control(database, REPORT_LIMIT_PER_CALLER="1", TRUSTED_PROXIES="127.0.0.1")

    def ask(told: str, peer: str = "127.0.0.1") -> bool:
        try:
            small.admit({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": told}, ["a@b.com"])
        except errors.TooManyRequests:
            return False
        return True

    assert [ask("203.0.113.7"), ask("203.0.113.8"), ask("203.0.113.7")] == [True, True, False]
    assert not ask("1.1.1.1, 203.0.113.7")
    assert [ask(f"1.1.1.{n}", peer="198.51.100.1") for n in range(3)] == [True, False, False]
