from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycemaker.errors import InvalidDate, InvalidRange, PycemakerError
from pycemaker.window import (
    Window,
    from_epoch_ms,
    parse_hours,
    parse_instant,
    parse_window,
    since,
    to_epoch_ms,
    to_iso_text,
    to_wall_text,
)

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2022, 4, 10, 12, 43, 23, 123456, tzinfo=UTC)


def instant(text: str, zone: ZoneInfo = SAO_PAULO) -> str:
    return to_iso_text(parse_instant(text, zone=zone, now_utc=NOW))


def test_a_wall_time_is_read_in_the_readers_zone() -> None:
    assert instant("10-04-2022-09-43-23") == "2022-04-10T12:43:23.000Z"


def test_now_is_what_was_handed_in_cut_to_milliseconds() -> None:
    assert instant("now") == "2022-04-10T12:43:23.123Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-04-10T12:43:23Z", "2022-04-10T12:43:23.000Z"),
        ("2022-04-10T12:43:23.5z", "2022-04-10T12:43:23.500Z"),
        ("2022-04-10T09:43:23-03:00", "2022-04-10T12:43:23.000Z"),
        ("2022-04-10T09:43-0300", "2022-04-10T12:43:00.000Z"),
        ("2022-04-10 12:43:23.123456+00:00", "2022-04-10T12:43:23.123Z"),
        ("2022-04-10T12:43:23.123456789Z", "2022-04-10T12:43:23.123Z"),
        ("2022-04-10T12:43:23.1234567+00", "2022-04-10T12:43:23.123Z"),
        ("2022-04-10T09:43:23-03", "2022-04-10T12:43:23.000Z"),
        ("1649594603000", "2022-04-10T12:43:23.000Z"),
        ("1649594603123", "2022-04-10T12:43:23.123Z"),
        ("100000000000", "1973-03-03T09:46:40.000Z"),
    ],
)
def test_iso_8601_with_an_offset_is_taken(text: str, expected: str) -> None:
    assert instant(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "NOW", "10-04-2022", "10-4-2022-09-43-23", "31-02-2022-00-00-00", "10-04-2022-24-00-00", "10-04-2022-09-43-60",
     "2022-04-10T12:43:23", "2022-04-10", "1-1-1", "10/04/2022", "10-04-2022-09-43-23 ", " now", "now\n",
     "10-04-2022-09-43-23\n", "10-04-1969-00-00-00", "10-04-9999-00-00-00", "10-04-0000-00-00-00",
     "١٠-٠٤-٢٠٢٢-٠٩-٤٣-٢٣", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2022-04-10T12:43:23+99:99",
     "../../etc/passwd", "x" * 10_000, "\x00", "agora", "1e3", "1649594603", "1649594603123.0", "01649594603123",
     "999999999999999", "9" * 40, "١٦٤٩٥٩٤٦٠٣١٢٣", "2022-04-10T12:43:23." + "1" * 31 + "Z"],
)  # fmt: skip
def test_anything_else_is_refused_with_the_text_cut_short(text: str) -> None:
    with pytest.raises(InvalidDate) as caught:
        instant(text)
    assert len(caught.value.facts["text"]) <= 40


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        # 16 October 2016: midnight in Sao Paulo was skipped, the clocks went from UTC-3 to UTC-2
        (SAO_PAULO, "15-10-2016-23-59-59", "2016-10-16T02:59:59.000Z"),
        (SAO_PAULO, "16-10-2016-00-30-00", "2016-10-16T03:30:00.000Z"),
        (SAO_PAULO, "16-10-2016-01-30-00", "2016-10-16T03:30:00.000Z"),
        # 18 February 2018 began at the second 23:00 of the 17th
        (SAO_PAULO, "17-02-2018-23-30-00", "2018-02-18T01:30:00.000Z"),
        (SAO_PAULO, "18-02-2018-00-00-00", "2018-02-18T03:00:00.000Z"),
        # New York, 10 March 2024 skips 02:00 to 03:00; 3 November 2024 has 01:30 twice
        (NEW_YORK, "10-03-2024-02-30-00", "2024-03-10T07:30:00.000Z"),
        (NEW_YORK, "10-03-2024-03-30-00", "2024-03-10T07:30:00.000Z"),
        (NEW_YORK, "03-11-2024-01-30-00", "2024-11-03T05:30:00.000Z"),
        (NEW_YORK, "03-11-2024-02-30-00", "2024-11-03T07:30:00.000Z"),
    ],
)
def test_a_skipped_time_is_read_with_the_old_offset_and_a_repeated_one_is_the_first(
    zone: ZoneInfo, text: str, expected: str
) -> None:
    assert instant(text, zone) == expected


def test_an_interval_across_a_clock_change_is_as_long_as_asked_for() -> None:
    window = parse_window("03-11-2024-06-00-00", "6", zone=NEW_YORK, now_utc=NOW, limit=744)
    assert to_iso_text(window.end_utc) == "2024-11-03T11:00:00.000Z"
    assert to_iso_text(window.start_utc) == "2024-11-03T05:00:00.000Z"
    assert to_wall_text(window.start_utc, NEW_YORK) == "03-11-2024-01-00-00"
    assert window.start_utc - window.previous_start_utc == timedelta(hours=6)


@pytest.mark.parametrize(("text", "hours"), [("1", 1), ("06", 6), ("000000006", 6), ("744", 744)])
def test_hours_are_whole_and_may_have_leading_zeros(text: str, hours: int) -> None:
    assert parse_hours(text, limit=744) == hours


@pytest.mark.parametrize(
    "text", ["0", "00", "-1", "+1", "1.5", "745", "", " 6", "6\n", "٦", "²", "6h", "1e2", "9" * 10_000, "0x6", "1_0"]
)
def test_any_other_range_is_refused_and_the_limit_named(text: str) -> None:
    with pytest.raises(InvalidRange) as caught:
        parse_hours(text, limit=744)
    assert caught.value.facts["limit"] == 744


def test_no_sample_is_in_both_intervals() -> None:
    window = Window(datetime(2022, 4, 10, tzinfo=UTC), 6)
    assert window.previous.end_utc == window.current.start_utc


def test_a_previous_interval_before_1970_is_refused() -> None:
    with pytest.raises(InvalidDate):
        parse_window("1970-01-02T00:00:00Z", "24", zone=SAO_PAULO, now_utc=NOW, limit=744)


def test_a_tail_takes_the_sample_at_its_start() -> None:
    start = datetime(2022, 4, 10, tzinfo=UTC)
    assert since(start).start_utc == start - timedelta(milliseconds=1)
    assert since(start).end_utc is None


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - as it takes
def test_an_instant_survives_its_own_texts(moment: datetime) -> None:
    whole = from_epoch_ms(to_epoch_ms(moment))
    assert parse_instant(to_iso_text(moment), zone=SAO_PAULO, now_utc=NOW) == whole
    assert from_epoch_ms(to_epoch_ms(whole)) == whole


@given(st.text(max_size=30) | st.from_regex(r"[0-9TZ:+. -]{1,40}"))
def test_no_text_gives_anything_but_an_instant_or_our_own_error(text: str) -> None:
    with contextlib.suppress(PycemakerError):
        parse_window(text, text, zone=SAO_PAULO, now_utc=NOW, limit=744)
