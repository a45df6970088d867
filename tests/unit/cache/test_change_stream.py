"""Change streams that MongoDB refuses or ends: when they are opened anew, and what is logged."""

from __future__ import annotations

import logging
from typing import Any
from unittest.mock import MagicMock

import pytest
from pymongo.errors import AutoReconnect, InvalidOperation, OperationFailure, PyMongoError

from pycemaker.cache.change_stream import ChangeStream


def waits_after(*faults: PyMongoError | MagicMock) -> list[float]:
    """How long it waits after each of these, until the client is closed."""
    database = MagicMock()
    database.with_options.return_value.watch.side_effect = [*faults, InvalidOperation()]
    waits = list[float]()
    ChangeStream(database, {}, sleep=waits.append).thread.join(10)
    return waits


def opened_and_ended() -> MagicMock:
    opened: Any = MagicMock()
    opened.__enter__.return_value.alive = False
    return opened


def test_a_refused_stream_is_asked_for_less_and_less_often_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    waits = waits_after(*[OperationFailure("not authorized", 13)] * 9)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert len(caplog.records) == 1


def test_a_stream_that_was_cut_off_is_asked_for_every_second() -> None:
    assert waits_after(*[AutoReconnect()] * 4) == [1, 1, 1, 1]


def test_it_is_logged_that_it_is_open_again_and_the_waits_begin_anew(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    refusal = OperationFailure("interrupted", 11601)
    assert waits_after(refusal, refusal, opened_and_ended(), refusal, refusal) == [1, 2, 1, 2]
    ended, again = "the change stream ended: OperationFailure", "the change stream is open again"
    assert [record.getMessage() for record in caplog.records] == [ended, again, ended]
