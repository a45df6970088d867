from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycemaker import stats
from pycemaker.series.batches import Columns, join_columns, no_columns

NAN = float("nan")


def readings(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


def columns(values: list[float], words: list[str]) -> Columns:
    names = tuple(sorted(set(words)))
    codes = np.array([names.index(word) for word in words], np.int16)
    return Columns(np.arange(len(values), dtype=np.int64), readings(*values), codes, names)


def test_the_mean_leaves_out_what_is_not_finite() -> None:
    assert stats.mean(readings(1, 2, NAN, float("inf"))) == 1.5


def test_the_mean_of_nothing_is_zero() -> None:
    assert stats.mean(readings()) == 0.0
    assert stats.mean(readings(NAN)) == 0.0


def test_the_mean_of_readings_whose_sum_overflows_is_finite() -> None:
    assert stats.mean(readings(1e308, 1e308)) == pytest.approx(1e308)


@pytest.mark.parametrize(
    ("current", "previous", "expected"),
    [([3.0], [2.0], 0.5), ([1.0], [2.0], -0.5), ([2.0, NAN], [2.0], 0.0), ([1.0], [-2.0], -1.5)],
)
def test_growth_is_the_change_of_the_mean_over_the_previous_mean(
    current: list[float], previous: list[float], expected: float
) -> None:
    assert stats.growth(readings(*current), readings(*previous)) == expected


@pytest.mark.parametrize(
    ("current", "previous"), [([], [2.0]), ([2.0], []), ([], []), ([2.0], [0.0]), ([NAN], [1.0]), ([1.0], [5e-324])]
)
def test_growth_is_zero_where_it_is_undefined(current: list[float], previous: list[float]) -> None:
    assert stats.growth(readings(*current), readings(*previous)) == 0.0


def test_every_sample_at_the_minimum_and_at_the_maximum_is_found() -> None:
    lowest, highest = stats.extremes(readings(2, 1, NAN, 3, 1, 3))
    assert lowest.tolist() == [1, 4]
    assert highest.tolist() == [3, 5]


def test_extremes_of_nothing_are_empty() -> None:
    assert [each.tolist() for each in stats.extremes(readings(NAN))] == [[], []]


def test_shares_are_by_name_in_alphabetical_order_among_samples_with_a_reading() -> None:
    shares = stats.criticity_shares(columns([1, 1, 1, NAN, 1], ["low", "high", "low", "critical", "unknown"]))
    assert list(shares.items()) == [("high", 0.25), ("low", 0.5), ("unknown", 0.25)]


def test_shares_of_nothing_are_none() -> None:
    assert stats.criticity_shares(no_columns()) == {}


def test_joined_columns_keep_each_samples_own_word() -> None:
    joined = join_columns([columns([1], ["low"]), no_columns(), columns([2, 3], ["high", "low"])])
    assert joined.criticity_names == ("high", "low")
    assert [joined.criticity_names[code] for code in joined.criticity] == ["low", "high", "low"]


@given(st.lists(st.floats(-1e9, 1e9) | st.just(NAN), max_size=50), st.lists(st.sampled_from("abc"), min_size=50))
def test_statistics_agree_with_pandas(values: list[float], words: list[str]) -> None:
    made = columns(values, words[: len(values)])
    frame = pd.DataFrame({"reading": values, "word": words[: len(values)]}).dropna()
    if len(frame):
        assert stats.mean(made.reading) == pytest.approx(frame["reading"].mean(), abs=1e-6)
        assert stats.criticity_shares(made) == pytest.approx(frame["word"].value_counts(normalize=True).to_dict())
        assert made.reading[stats.extremes(made.reading)[1][0]] == frame["reading"].max()
