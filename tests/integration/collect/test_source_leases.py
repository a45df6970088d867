"""Leases on sources, shared by several processes over a real MongoDB."""

from __future__ import annotations

import time

from pycemaker.collect.collect_file import SCRAPE, CollectSource
from pycemaker.collect.source_leases import SourceLeases, read_states
from pycemaker.mongo.database import Database
from tests.services.prometheus_server import wait_until

SOURCES = [CollectSource(f"source {n}", SCRAPE, f"http://127.0.0.1:{n}") for n in range(7)]


def test_processes_share_the_sources_and_none_is_two_processes(database: Database) -> None:
    one, two = SourceLeases(database, SOURCES), SourceLeases(database, SOURCES)
    assert len(one.claim()) == 7
    two.claim()
    assert len(one.claim()) == 4  # gives back what is beyond its share
    assert len(two.claim()) == 3
    assert one.claim().isdisjoint(two.claim())


def test_the_sources_of_a_process_that_died_are_taken_over(database: Database) -> None:
    dead, living = (
        SourceLeases(database, SOURCES, lease_seconds=1.0),
        SourceLeases(database, SOURCES, lease_seconds=1.0),
    )
    assert len(dead.claim()) == 7
    began = time.monotonic()
    wait_until(lambda: len(living.claim()) == 7, 4)
    assert time.monotonic() - began > 0.5
    assert not dead.save(SOURCES[0].id, reached=1)


def test_a_process_that_ends_gives_its_sources_back_at_once(database: Database) -> None:
    ended, living = SourceLeases(database, SOURCES), SourceLeases(database, SOURCES)
    ended.claim()
    ended.release()
    assert len(living.claim()) == 7


def test_states_name_sources_that_nobody_holds_and_those_that_fail(database: Database) -> None:
    leases = SourceLeases(database, SOURCES[:2])
    leases.claim()
    leases.save(SOURCES[0].id, fault="status 500", gaps=[[0, 60], [120, 150]])
    states = read_states(database, SOURCES[:3])
    assert [state.is_held for state in states] == [True, True, False]
    assert [state.fault for state in states] == ["status 500", None, None]
    assert [state.gap_seconds for state in states] == [90, 0, 0]
