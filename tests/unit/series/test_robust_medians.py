from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycemaker.series.robust import block_medians, running_median

PLACES = st.lists(st.integers(0, 6), max_size=60)


@given(PLACES, st.booleans(), st.integers(0, 4))
def test_a_block_s_median_is_numpy_s_whatever_the_order_and_sizes_of_blocks(
    places: list[int], is_sorted: bool, fewest: int
) -> None:
    owner = np.array(sorted(places) if is_sorted else places, np.int64)
    amounts = np.random.default_rng(len(places)).standard_normal(len(owner))
    expected = [
        np.median(own) if len(own := amounts[owner == block]) >= max(1, fewest) else np.nan for block in range(7)
    ]
    np.testing.assert_allclose(block_medians(owner, amounts, 7, fewest), expected)


@pytest.mark.parametrize("width", [1, 4, 5, 40])
def test_a_running_median_is_numpy_s_over_what_is_finite(width: int) -> None:
    amounts = np.random.default_rng(3).standard_normal(40)
    amounts[[4, 5, 6, 7, 8, 9, 30]] = np.nan
    windows = np.lib.stride_tricks.sliding_window_view(amounts, width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        middles = np.nanmedian(windows, axis=1)
    found = running_median(amounts, width)
    assert len(found) == 40
    np.testing.assert_allclose(found[width // 2 : width // 2 + len(middles)], middles)


def test_a_running_median_of_nothing_or_of_no_reading_is_that() -> None:
    assert len(running_median(np.empty(0), 5)) == 0
    assert np.isnan(running_median(np.full(6, np.nan), 3)).all()
