"""Numbers, dates and phrases as readers in Brazil see them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pycemaker import i18n
from pycemaker.reports.mail_subject import mail_subject
from pycemaker.window import Window, to_epoch_ms
from tests.services.periods import NEW_YORK, SAO_PAULO, WINDOW

ACROSS_MIDNIGHT = Window(datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC), 12)
CLOCKS_GO_BACK = Window(datetime(2024, 11, 3, 7, 30, tzinfo=UTC), 3)


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        (0.421, "ratio", "42,1%"),
        (1.0, "ratio", "100,0%"),
        (0.0, "ratio", "0,0%"),
        (0.00042, "ratio", "0,04%"),
        (-0.05, "ratio", "-5,0%"),
        (0.183, "seconds", "183 ms"),
        (0.0042, "seconds", "4,2 ms"),
        (0.9996, "seconds", "1,00 s"),
        (1.254, "seconds", "1,25 s"),
        (59.996, "seconds", "1 min 0 s"),
        (125.2, "seconds", "2 min 5 s"),
        (3725.0, "seconds", "1 h 2 min"),
        (360_000.0, "seconds", "100 h"),
        (-0.2, "seconds", "-200 ms"),
        (0.0, "seconds", "0 s"),
        (12.0, "requests", "12"),
        (0.04, "requests", "0,04"),
        (12.44, "requests", "12,4"),
        (12_345.6, "requests", "12.346"),
        (2e18, "requests", "2,0E18"),
        (None, "ratio", "—"),
    ],
)
def test_a_reading_is_written_as_people_say_it(amount: float | None, unit: str, text: str) -> None:
    assert i18n.reading(amount, unit) == text


def test_requests_say_what_they_are_counted_per() -> None:
    assert i18n.reading_with_unit(144.0, "per_minute") == "144 por minuto"
    assert i18n.reading_with_unit(12.44, "per_second") == "12,4 por segundo"
    assert i18n.reading_with_mark(144.0, "per_minute") == "144/min"
    assert i18n.reading_with_unit(0.183, "seconds") == "183 ms"
    assert i18n.reading_with_unit(None, "per_minute") == i18n.reading_with_mark(None, "per_minute") == "—"


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.055, "▲ +5,5%"),
        (-0.041, "▼ -4,1%"),
        (0.0094, "+0,9%"),
        (-0.004, "-0,4%"),
        (0.0, "igual"),
        (-0.0004, "igual"),
        (0.999, "▲ +99,9%"),
        (1.5, "▲ 2,5×"),
        (12.3, "▲ 13×"),
        (None, "—"),
    ],
)
def test_growth_has_a_sign_and_an_arrow_where_something_moved(ratio: float | None, text: str) -> None:
    assert i18n.growth(ratio) == text


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (0.077, "▲ +7,7 p.p."),
        (-0.12, "▼ -12,0 p.p."),
        (0.0043, "+0,4 p.p."),
        (-0.0043, "-0,4 p.p."),
        (0.0, "igual"),
        (-0.0004, "igual"),
        (None, "—"),
    ],
)
def test_a_share_that_changed_is_written_in_points(difference: float | None, text: str) -> None:
    assert i18n.growth_in_points(difference) == text


@pytest.mark.parametrize(
    ("part", "text"), [(0, "0%"), (0.0004, "<0,1%"), (0.625, "62,5%"), (0.99951, ">99,9%"), (1, "100%")]
)
def test_a_share_is_never_rounded_to_all_or_nothing(part: float, text: str) -> None:
    assert i18n.share(part) == text


def test_coverage_counts_what_came_and_what_should_have() -> None:
    assert i18n.coverage(4080, 4320) == "4.080 de 4.320 amostras esperadas (94,4%)"
    assert i18n.coverage(4330, 4320) == "4.330 de 4.320 amostras esperadas (100,2%)"
    assert i18n.coverage(0, 0) == "nenhuma amostra"


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (1, "1 hora"),
        (48, "48 horas"),
        (72, "3 dias"),
        (73, "3 dias e 1 hora"),
        (100, "4 dias e 4 horas"),
        (744, "31 dias"),
    ],
)
def test_a_length_is_written_in_hours_then_in_days(hours: int, text: str) -> None:
    assert i18n.length(hours) == text


def test_a_period_names_its_date_once_where_it_has_one() -> None:
    assert i18n.period(WINDOW, SAO_PAULO) == "10/04/2022, 03:43 a 09:43"
    assert i18n.period_in_sentence(WINDOW, SAO_PAULO) == "de 03:43 a 09:43 de 10/04/2022"


def test_a_period_across_midnight_names_both_dates() -> None:
    assert i18n.period(ACROSS_MIDNIGHT, SAO_PAULO) == "09/04/2022, 21:43 a 10/04/2022, 09:43"
    assert i18n.period_in_sentence(ACROSS_MIDNIGHT, SAO_PAULO) == "de 09/04/2022, 21:43 a 10/04/2022, 09:43"


def test_a_moment_has_a_date_only_where_the_window_has_several_and_seconds_only_in_a_short_one() -> None:
    instant = to_epoch_ms(datetime(2022, 4, 10, 7, 10, 5, tzinfo=UTC))
    assert i18n.moment(instant, WINDOW, SAO_PAULO) == "04:10:05"
    assert i18n.moment(instant, ACROSS_MIDNIGHT, SAO_PAULO) == "10/04 04:10"
    assert i18n.moment_in_sentence(instant, WINDOW, SAO_PAULO) == "às 04:10:05"
    assert i18n.moment_in_sentence(instant, ACROSS_MIDNIGHT, SAO_PAULO) == "em 10/04 às 04:10"


def test_a_span_says_a_day_once() -> None:
    start, end, next_day = (
        to_epoch_ms(datetime(2022, 4, *moment, tzinfo=UTC)) for moment in ((10, 1, 52), (10, 2, 1), (10, 7, 5))
    )
    assert i18n.span_in_sentence(start, end, ACROSS_MIDNIGHT, SAO_PAULO) == "em 09/04, das 22:52 às 23:01"
    assert i18n.span_in_sentence(end, next_day, ACROSS_MIDNIGHT, SAO_PAULO) == "das 23:01 de 09/04 às 04:05 de 10/04"
    assert i18n.span_in_sentence(end, next_day, Window(WINDOW.end_utc, 1), SAO_PAULO) == "das 23:01 às 04:05"
    assert i18n.clocks_in_sentence(start, end, ACROSS_MIDNIGHT, SAO_PAULO) == "das 22:52 às 23:01"
    assert i18n.clocks_in_sentence(end, next_day, ACROSS_MIDNIGHT, SAO_PAULO) == (
        "das 23:01 de 09/04 às 04:05 de 10/04"
    )


@pytest.mark.parametrize(
    ("seconds", "hours", "text"),
    [
        (45, 6, "45 s"),
        (119, 6, "119 s"),
        (1440, 6, "24 min"),
        (3600, 6, "1 hora"),
        (7200, 168, "2 horas"),
        (7500, 168, "2 h 5 min"),
        (45, 744, "1 min"),
        (110, 744, "2 min"),
        (259_000, 744, "3 dias"),
    ],
)
def test_a_duration_has_no_seconds_in_a_long_window(seconds: float, hours: int, text: str) -> None:
    assert i18n.duration(seconds, Window(WINDOW.end_utc, hours)) == text


def test_the_zone_is_written_by_its_name_with_its_offset_and_with_both_on_a_day_of_change() -> None:
    assert i18n.zone_phrase(WINDOW, SAO_PAULO) == "horário de Brasília (UTC-3)"
    assert i18n.zone_phrase(WINDOW, ZoneInfo("Europe/Lisbon")) == "horário da Europa Ocidental (UTC+1)"
    assert i18n.zone_phrase(WINDOW, ZoneInfo("Asia/Kolkata")) == "Asia/Kolkata (UTC+5:30)"
    assert i18n.zone_phrase(WINDOW, ZoneInfo("Etc/GMT+3")) == "Etc/GMT+3 (UTC-3)"
    assert i18n.zone_phrase(WINDOW, ZoneInfo("UTC")) == "UTC"
    assert i18n.zone_phrase(CLOCKS_GO_BACK, NEW_YORK) == "horário do Leste (UTC-4 no início, UTC-5 no fim)"


def test_the_subject_names_which_period_the_report_is_of() -> None:
    assert mail_subject(WINDOW, SAO_PAULO) == "Relatório Pycemaker: 10/04/2022, 03:43 a 09:43 (6 h)"
    assert mail_subject(WINDOW, SAO_PAULO, "Coleta parada", name="Farol") == (
        "Coleta parada — Farol, 10/04/2022 09:43, 6 h"
    )
