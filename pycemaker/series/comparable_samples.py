"""Keeps demo samples and real ones apart: a period of one kind is never compared with the other. Pure.

Demo samples are those up to an instant, the end of the demo history (`Store.sample_history_end`).
"""

from dataclasses import replace
from datetime import datetime
from enum import Enum

import numpy as np

from pycemaker.series.batches import Columns
from pycemaker.series.period import MetricPeriod
from pycemaker.window import Window, to_epoch_ms


class Kind(Enum):
    """The samples of an interval, by whether they are made up."""

    REAL = "every sample is real"
    MOSTLY_REAL = "half of it or more is real"
    MOSTLY_DEMO = "more than half of it is made up"
    DEMO = "every sample is made up"


def kind_of(window: Window, demo_until_utc: datetime | None) -> Kind:
    """The kind of the window's interval, by its time alone; None means that there are no demo samples."""
    if demo_until_utc is None or demo_until_utc <= window.start_utc:
        return Kind.REAL
    if demo_until_utc >= window.end_utc:
        return Kind.DEMO
    is_most = demo_until_utc - window.start_utc > window.end_utc - demo_until_utc
    return Kind.MOSTLY_DEMO if is_most else Kind.MOSTLY_REAL


def one_kind(part: MetricPeriod, demo_until_utc: datetime | None) -> MetricPeriod:
    """The part with readings of its interval's main kind alone, and with nothing before it of the other kind.

    The other kind's samples stay in the interval without a reading (NaN), so they are no gap and in no statistic.
    """
    kind = kind_of(part.window, demo_until_utc)
    if demo_until_utc is None or kind is Kind.DEMO:
        return part
    if kind is Kind.MOSTLY_DEMO:
        return replace(part, current=_blanked(part.current, demo_until_utc, is_demo=False))
    return replace(comparable(part, demo_until_utc), current=_blanked(part.current, demo_until_utc, is_demo=True))


def comparable(part: MetricPeriod, demo_until_utc: datetime | None) -> MetricPeriod:
    """The part with its interval as it is, and without demo samples before it unless the interval is made of them.

    A history hour counts as real where it begins at the end of the demo samples or later.
    """
    if demo_until_utc is None or kind_of(part.window, demo_until_utc) is Kind.DEMO:
        return part
    until_ms = to_epoch_ms(demo_until_utc)
    history = part.history
    if history is not None:
        history = history.part(int(np.searchsorted(history.hour_ms, until_ms)), len(history))
    return replace(part, previous=part.previous.after(until_ms), history=history)


def _blanked(columns: Columns, demo_until_utc: datetime, *, is_demo: bool) -> Columns:
    """The columns with NaN for the readings of one kind."""
    is_other = (columns.time_ms <= to_epoch_ms(demo_until_utc)) == is_demo
    return replace(columns, reading=np.where(is_other, np.nan, columns.reading)) if is_other.any() else columns
