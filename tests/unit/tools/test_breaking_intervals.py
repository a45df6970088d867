"""The intervals that break notebooks."""

from __future__ import annotations

import itertools
import math
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pycemaker.metrics import CPU, DISK, METRICS
from pycemaker.series.cadence import learn
from pycemaker.tools.breaking_intervals import every_case
from pycemaker.window import to_epoch_ms
from tests.services.periods import NEW_YORK, SAO_PAULO

CASES = {case.name: case for case in every_case(SAO_PAULO)}


def test_the_cases_are_those_that_break_notebooks() -> None:
    assert list(CASES) == [
        *("empty interval", "a single sample", "gaps", "NaN and unreadable"),
        *("clock goes back", "clock goes forward"),
        *("a sample every 15 s", "a sample every 60 s", "a sample every 300 s", "from 5 to 60 s midway", "30 days"),
    ]
    assert [len(case.times) for case in CASES.values()] == [0, 1, 2760, 4320, 1440, 1440, 1440, 360, 72, 2340, 43_200]


@pytest.mark.parametrize(
    ("name", "cadence_seconds"),
    [("gaps", [5]), ("a sample every 15 s", [15]), ("a sample every 60 s", [60]), ("a sample every 300 s", [300]),
     ("from 5 to 60 s midway", [5, 60])],
)  # fmt: skip
def test_the_cases_have_the_distances_of_samples_that_they_name(name: str, cadence_seconds: list[int]) -> None:
    case = CASES[name]
    times = np.array([to_epoch_ms(taken_utc) for taken_utc in case.times], np.int64)
    learned = learn(times, to_epoch_ms(case.end_utc) - 6 * 3_600_000, to_epoch_ms(case.end_utc))
    assert learned is not None
    assert [round(stretch.step_ms / 1000) for stretch in learned.stretches] == cadence_seconds


def test_no_two_cases_meet_even_at_the_longest_interval_and_the_one_before_it() -> None:
    ends = sorted(case.end_utc for case in CASES.values())
    assert all(later - earlier > timedelta(hours=2 * 744) for earlier, later in itertools.pairwise(ends))


def test_every_sample_lies_within_its_interval() -> None:
    for case in CASES.values():
        assert all(case.end_utc - timedelta(hours=case.hours) < t <= case.end_utc for t in case.times)


def test_the_clock_jumps_within_those_days_and_in_zones_that_know_none_there_is_no_such_case() -> None:
    for zone in (SAO_PAULO, NEW_YORK):
        for case in every_case(zone):
            if case.name.startswith("clock"):
                start, end = (t.astimezone(zone).utcoffset() for t in (case.times[0], case.end_utc))
                assert start is not None
                assert end is not None
                assert (end > start) == (case.name == "clock goes forward")
    assert "clock" not in " ".join(case.name for case in every_case(ZoneInfo("UTC")))


def test_the_gaps_are_at_both_ends_and_in_the_midst() -> None:
    case = CASES["gaps"]
    distances = [later - earlier for earlier, later in itertools.pairwise(case.times)]
    assert max(distances) == timedelta(minutes=50)
    assert case.end_utc - case.times[-1] > timedelta(minutes=20)


def test_half_of_the_readings_cannot_be_read_and_none_of_the_disk_s() -> None:
    cpu = [document["value"] for document in CASES["NaN and unreadable"].documents(CPU)]
    good = [value for value in cpu if isinstance(value, float) and math.isfinite(value)]
    assert len(good) == len(cpu) // 2
    assert {repr(value) for value in cpu if value not in good} == {"nan", "inf", "None", "'abc'", "[]", "'0.25'"}
    assert all(math.isnan(document["value"]) for document in CASES["NaN and unreadable"].documents(DISK))


def test_every_metric_has_documents() -> None:
    for metric in METRICS:
        assert len(list(CASES["a single sample"].documents(metric))) == 1
