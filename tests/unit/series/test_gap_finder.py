"""Gaps between samples that come batch by batch: by their cadence, whatever the batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pycemaker.series.gap_finder import MOST_GAPS, GapFinder


def found(times: np.ndarray, sizes: tuple[int, ...] = (720,)) -> GapFinder:
    """The times taken in by pieces of these sizes, again and again."""
    finder, start = GapFinder(), 0
    for size in itertools.cycle(sizes):
        if start >= len(times):
            return finder
        finder.add(times[start : start + size])
        start += size
    raise AssertionError


def test_even_samples_have_no_gap_and_neither_has_one_or_none() -> None:
    for count in (0, 1, 2, 5_000):
        finder = found(np.arange(count) * 5_000)
        assert (finder.longest(), finder.count) == ([], 0)


@pytest.mark.parametrize("step_ms", [1_000, 5_000, 60_000, 300_000])
def test_a_gap_is_told_by_the_samples_at_its_ends_at_any_cadence(step_ms: int) -> None:
    times = np.delete(np.arange(2_000) * step_ms, range(700, 800))
    assert found(times).longest() == [(699 * step_ms, 800 * step_ms)]


def test_gaps_do_not_depend_on_the_pieces_in_which_samples_came() -> None:
    times = np.delete(np.arange(300_000) * 5_000, [*range(50, 90), *range(124_990, 125_020), *range(299_000, 299_100)])
    told = [(49, 90), (124_989, 125_020), (298_999, 299_100)]
    for sizes in ((720,), (1, 125_000), (400_000,)):
        assert found(times, sizes).longest() == [(first * 5_000, last * 5_000) for first, last in told]


def test_the_last_block_alone_may_be_too_short_to_know_a_cadence() -> None:
    times = np.append(np.arange(125_000) * 5_000, 125_100 * 5_000)
    assert found(times).longest() == [(124_999 * 5_000, 125_100 * 5_000)]


def test_of_very_many_gaps_the_longest_are_named_and_all_are_counted() -> None:
    steps = np.full(20_000, 5_000)
    steps[100::100] = 60_000 + np.arange(199) * 1_000
    finder = found(np.cumsum(steps))
    longest = finder.longest()
    assert (finder.count, len(longest)) == (199, MOST_GAPS)
    assert longest == sorted(longest)
    assert min(end - start for start, end in longest) == 60_000 + 149_000
