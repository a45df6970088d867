"""An interval of 24.5 hours, a day at Lord Howe: findings, curves and lengths take the half hour for what it is."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pycemaker import i18n
from pycemaker.analysis.findings.choice import find
from pycemaker.analysis.findings.time_blocks import series
from pycemaker.errors import InvalidRange
from pycemaker.presentation import tables
from pycemaker.presentation.figures import whole
from pycemaker.presentation.figures.curve import curves
from pycemaker.reports.mail_subject import mail_subject
from pycemaker.window import Window, parse_calendar_hours, window_between
from tests.services.periods import busy_period

LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
DAY = Window(datetime(2026, 4, 5, 13, 30, tzinfo=UTC), 24.5)


def test_the_last_half_hour_counts_and_no_block_is_of_both_intervals() -> None:
    blocks = series(busy_period(DAY, LORD_HOWE)["cpu"])
    assert (len(blocks.current), len(blocks.hours)) == (25 * 12, 25)
    assert blocks.block_start_ms(blocks.now) == DAY.start_utc.timestamp() * 1000


def test_findings_are_found_and_everything_is_shown() -> None:
    period = busy_period(DAY, LORD_HOWE)
    findings = find(period)
    assert findings
    assert "24,5 horas" in tables.heading(period)
    assert mail_subject(DAY, LORD_HOWE, "CPU alta").endswith("24,5 h")
    now, before = curves(period["cpu"])
    assert now.time_ms[-1] == pytest.approx(DAY.end_utc.timestamp() * 1000, abs=600_000)
    assert len(before)
    assert whole(period["cpu"])._repr_mimebundle_()


def test_a_length_is_written_with_its_half_hour() -> None:
    assert [i18n.length(hours) for hours in (1, 24.5, 745, 72.5)] == [
        *("1 hora", "24,5 horas", "31 dias e 1 hora", "3 dias e 0,5 hora"),
    ]


@pytest.mark.parametrize(("text", "hours"), [("24.5", 24.5), ("745", 745), ("6", 6), ("06", 6), ("24.0", 24)])
def test_a_notebook_takes_a_calendar_period(text: str, hours: float) -> None:
    assert repr(parse_calendar_hours(text, limit=744)) == repr(hours)


@pytest.mark.parametrize("text", ["746", "0", "-1", "1e2", "nan", "6,5", ""])
def test_a_notebook_takes_no_other_length(text: str) -> None:
    with pytest.raises(InvalidRange):
        parse_calendar_hours(text, limit=744)


def test_a_window_between_two_instants_has_them_as_its_ends() -> None:
    assert window_between(DAY.start_utc, DAY.end_utc) == DAY
