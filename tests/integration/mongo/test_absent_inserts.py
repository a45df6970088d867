"""Inserts of what is absent: known to be durable, or not known at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from bson.codec_options import CodecOptions
from pymongo import InsertOne, WriteConcern
from pymongo.collection import Collection

from pycemaker.errors import DatabaseUnreachable
from pycemaker.jobs.job_store import JobStore
from pycemaker.mongo.absent_inserts import insert_absent
from pycemaker.mongo.database import Database, Document
from pycemaker.schedules.schedule_store import ScheduleStore
from tests.services.replica import replica_set

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


class Lonely(Database):
    """A replica set of one member, where durable writes wait for so many."""

    members = 1

    def durable(self, collection: str, codec_options: CodecOptions[Document] | None = None) -> Collection[Document]:
        concern = WriteConcern(w=self.members, wtimeout=200)
        return self[collection].with_options(codec_options, write_concern=concern)


@pytest.fixture
def lonely() -> Iterator[Lonely]:
    with replica_set() as url:
        database = Lonely(url)
        yield database
        database.close()


def test_what_is_there_stays_as_it_is(database: Database) -> None:
    things = database["things"]
    assert insert_absent(things, [InsertOne({"_id": 1, "n": 1}), InsertOne({"_id": 2, "n": 1})]) == 0
    assert insert_absent(things, [InsertOne({"_id": 2, "n": 2}), InsertOne({"_id": 3, "n": 2})]) == 1
    assert {each["_id"]: each["n"] for each in things.find()} == {1: 1, 2: 1, 3: 2}


def test_what_is_not_durable_is_not_said_to_be_there(lonely: Lonely) -> None:
    jobs, schedules = JobStore(lonely, "one"), ScheduleStore(lonely, mails=False)
    job: dict[str, Any] = {"recipients": [], "notebook": "report"}
    occurrence = {"schedule": "s", "at": NOON, "state": "entered"}
    jobs.insert_absent([job | {"_id": "a"}], 60)
    assert schedules.decide([occurrence | {"_id": "a"}])
    lonely.members = 2
    for report_id in ("a", "b", "b"):
        with pytest.raises(DatabaseUnreachable):
            jobs.insert_absent([job | {"_id": report_id}], 60)
        with pytest.raises(DatabaseUnreachable):
            schedules.decide([occurrence | {"_id": report_id}])
