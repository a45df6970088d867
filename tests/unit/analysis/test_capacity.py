"""The capacity review's numbers and words, on planted data."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from PIL import Image

from pycemaker.analysis.capacity import Resource, headroom, hours_of_week, review
from pycemaker.analysis.findings.finding import CRITICAL, NOTICE
from pycemaker.analysis.full_date import DAY_MS, Verdict, full_date, medians
from pycemaker.metrics import CPU, DISK, RESPONSE_TIME
from pycemaker.presentation import capacity_tables
from pycemaker.presentation.capacity_findings import capacity_findings, capacity_quiet
from pycemaker.presentation.figures import full_date_line, heatmap
from pycemaker.presentation.figures.canvas import Sheet
from pycemaker.series.batches import Columns, no_columns
from pycemaker.series.period import MetricPeriod, Period
from pycemaker.window import Window, to_epoch_ms
from tests.services.periods import NEW_YORK, SAO_PAULO

END = datetime(2022, 4, 10, 12, 0, tzinfo=UTC)  # a Sunday, 09:00 in São Paulo
WEEK = Window(END, 168)


def every_minutes(readings: np.ndarray, minutes: int, end: datetime = END) -> Columns:
    """Samples so far apart, the last one at `end`."""
    back = np.arange(len(readings), dtype=np.int64)[::-1] * minutes * 60_000
    return Columns(to_epoch_ms(end) - back, readings.astype(float), np.zeros(len(readings), np.int16), ("low",))


def two_weeks(readings: np.ndarray) -> MetricPeriod:
    """336 hours of disk, one reading every 10 minutes, cut at the week's start."""
    whole = every_minutes(readings, 10)
    start_ms = to_epoch_ms(WEEK.start_utc)

    def part(kept: np.ndarray) -> Columns:
        return Columns(whole.time_ms[kept], whole.reading[kept], whole.criticity[kept], whole.criticity_names)

    return MetricPeriod(DISK, WEEK, SAO_PAULO, part(whole.time_ms > start_ms), part(whole.time_ms <= start_ms))


def reviewed(part: MetricPeriod, limit: float = 0.9, horizon_days: int = 90) -> Resource:
    return review(Period(part.window, part.zone, (part,), None), limit, horizon_days)[0]


def climbing(per_day: float, days: int = 14, start: float = 0.5, noise: float = 0.001) -> np.ndarray:
    count = days * 144
    return start + per_day * np.arange(1, count + 1) / 144 + noise * np.random.default_rng(5).standard_normal(count)


def test_headroom_is_what_is_left_of_the_limit_above_p95() -> None:
    result = headroom(np.array([*np.arange(101) / 100, np.nan]), 0.9)
    assert result is not None
    assert (result.p95, result.p99, result.highest) == pytest.approx((0.95, 0.99, 1.0))
    assert result.room == pytest.approx(-0.05)
    assert result.share_over == pytest.approx(11 / 101)


def test_no_reading_has_no_headroom() -> None:
    assert headroom(np.array([np.nan]), 0.9) is None


def test_an_hour_of_the_week_is_one_on_the_readers_wall() -> None:
    samples = every_minutes(np.array([0.1, 0.2, 0.3]), 60)  # 10, 11 and 12 h UTC of a Sunday
    week = hours_of_week(samples, SAO_PAULO)
    assert week.shape == (7, 24)
    assert week[6, 7:10].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert np.isnan(week).sum() == 165


def test_an_hour_that_a_clock_change_skips_is_empty_and_one_it_repeats_counts_once() -> None:
    spring = every_minutes(np.full(24, 0.5), 60, datetime(2022, 3, 14, 3, 0, tzinfo=UTC))
    assert np.isnan(hours_of_week(spring, NEW_YORK)[6, 2])
    autumn = every_minutes(np.arange(25) / 100, 60, datetime(2022, 11, 7, 4, 0, tzinfo=UTC))
    sunday = hours_of_week(autumn, NEW_YORK)[6]
    assert not np.isnan(sunday).any()
    assert sunday[1] == pytest.approx(0.0195)  # the p95 of 0.01 and 0.02


def test_the_median_of_a_day_is_free_of_its_rhythm_and_poor_days_are_left_out() -> None:
    rhythm = np.tile(np.arange(144) / 144, 3)
    whole = medians(every_minutes(rhythm, 10), to_epoch_ms(END), DAY_MS)
    assert whole.reading.tolist() == pytest.approx([0.5, 0.5, 0.5], abs=0.01)
    cut = medians(every_minutes(rhythm[80:], 10), to_epoch_ms(END), DAY_MS)
    assert len(cut) == 2


def test_a_steady_climb_is_full_on_the_day_that_was_planted() -> None:
    result = full_date(two_weeks(climbing(0.01)), 0.9, 90)  # 0.50 fourteen days ago, 0.64 now: 26 days to go
    assert (result.verdict, result.days, result.is_preliminary) == (Verdict.DATED, 14, False)
    assert result.at_utc is not None
    assert result.early_utc is not None
    assert result.late_utc is not None
    assert abs(result.at_utc - (END + timedelta(days=26))) < timedelta(hours=12)
    assert result.early_utc <= result.at_utc <= result.late_utc


@pytest.mark.parametrize(
    ("readings", "verdict"),
    [
        (climbing(0.001), Verdict.LATER),
        (climbing(-0.01), Verdict.FALLING),
        (climbing(0, noise=0.05), Verdict.NO_TREND),
        (climbing(0.01, start=0.78), Verdict.FULL),
        (climbing(0.01, days=2, start=0.6), Verdict.DATED),
        (climbing(0.01, days=2, noise=0.05), Verdict.TOO_SHORT),
        (climbing(0.5, days=1)[:60], Verdict.TOO_SHORT),
        (np.array([0.3]), Verdict.TOO_SHORT),
        (np.empty(0), Verdict.TOO_SHORT),
        (np.array([np.nan] * 50), Verdict.TOO_SHORT),
        (np.full(14 * 144, 0.5), Verdict.NO_TREND),
        (np.tile(0.5 + 0.4 * np.sin(np.arange(144) / 144 * 2 * np.pi), 2), Verdict.TOO_SHORT),
    ],
)
def test_every_case_has_its_verdict_a_sentence_and_two_figures(readings: np.ndarray, verdict: Verdict) -> None:
    result = reviewed(two_weeks(readings))
    assert result.full_date.verdict is verdict
    assert (result.full_date.at_utc is not None) == (verdict is Verdict.DATED)
    for drawn in (heatmap.hours_of_week(result), full_date_line.trend_to_limit(result)):
        assert Image.open(io.BytesIO(drawn.png)).size[0] == 1120
        assert drawn.alt.endswith(".")
    assert capacity_tables.sentence(result).endswith(".")


def test_a_climb_seen_by_hours_alone_says_that_it_is_preliminary() -> None:
    result = reviewed(two_weeks(climbing(0.01, days=2, start=0.6)))
    assert result.full_date.is_preliminary
    assert capacity_tables.sentence(result) == (
        "No ritmo atual, sobe 7,1 p.p. por semana e chega a 90% por volta de 07/05/2022; a 100%, em 17/05/2022"
        " (medianas de cada hora)."
        " Estimativa preliminar: há 2 dias completos de histórico, dos 8 que a previsão pede."
    )


def test_the_sentences_name_date_interval_and_basis() -> None:
    dated = capacity_tables.sentence(reviewed(two_weeks(climbing(0.01, noise=0.05))))
    assert re.fullmatch(
        r"No ritmo atual, sobe [67],\d p\.p\. por semana e chega a 90% por volta de \d\d/05/2022,"
        r" entre \d\d/0[45]/2022 e \d\d/0[56]/2022; a 100%, em \d\d/05/2022 \(medianas de 14 dias\)\.",
        dated,
    )
    flat = capacity_tables.sentence(reviewed(two_weeks(np.full(14 * 144, 0.5))))
    assert flat == "Sem tendência significativa (medianas de 14 dias): não há data a prever."


def test_only_ratios_are_resources() -> None:
    disk = two_weeks(climbing(0.01))
    slow = replace(disk, metric=RESPONSE_TIME)
    result = review(Period(WEEK, SAO_PAULO, (slow, disk), None))
    assert [resource.part.metric.id for resource in result] == ["disk"]


def test_the_summary_has_a_row_a_resource_and_says_where_there_is_nothing() -> None:
    disk = two_weeks(climbing(0.01))
    none = MetricPeriod(CPU, WEEK, SAO_PAULO, no_columns(), no_columns())
    html = capacity_tables.summary(review(Period(WEEK, SAO_PAULO, (none, disk), None), limit=0.85))
    text = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert "até 85% Chega a 85%" in text
    assert "Consumo de CPU Sem amostras neste período" in text
    assert re.search(r"Consumo de disco 64,1% 63,6% 21,4 p\.p\. 01/05/2022", text)
    assert html.count('<th scope="col">') == 4


def test_the_map_names_the_fullest_hour_in_its_sentence() -> None:
    readings = np.full(7 * 144, 0.2)
    readings[60] = 0.95
    part = two_weeks(np.concatenate([readings, readings]))
    result = reviewed(replace(part, zone=ZoneInfo("UTC")), limit=0.9)
    assert "hora mais cheia: domingo às 22 h (p95" in heatmap.week_sentence(result)
    assert "0 horas da semana em 90% ou mais." in heatmap.week_sentence(result)


# --- what it comes to


def listed(*resources: Resource) -> list[tuple[int, str, str]]:
    return [(each.severity, each.headline, each.advice) for each in capacity_findings(resources)]


def test_a_disk_that_will_be_full_is_the_finding_with_its_day_and_an_advice() -> None:
    soon, later = reviewed(two_weeks(climbing(0.02))), reviewed(two_weeks(climbing(0.008)))
    advice = "Apague logs e cópias antigas ou aumente o disco antes disso."
    assert listed(later, soon) == [
        (CRITICAL, "Disco chega a 90% em 6 dias (16/04)", advice),
        (NOTICE, "Disco chega a 90% em 36 dias (16/05)", advice),
    ]


def test_a_resource_at_its_limit_comes_first_and_one_often_above_it_last() -> None:
    full = reviewed(two_weeks(climbing(0.03)))
    often = reviewed(two_weeks(np.tile([0.5] * 9 + [0.95], 202)[:2016]))
    assert [headline for _severity, headline, _advice in listed(often, full)] == [
        "Disco já está em 90% ou mais",
        "Disco em 90% ou mais em 10,0% das amostras",
    ]


def test_without_a_finding_it_says_whether_there_is_room_or_nothing_to_go_by() -> None:
    room = capacity_quiet([reviewed(two_weeks(climbing(0.0)))])
    assert (room.headline, room.detail) == (
        "Há folga em todos os recursos",
        "Nesse ritmo, nenhum deles chega a 90% nos próximos 90 dias.",
    )
    short = capacity_quiet([reviewed(two_weeks(climbing(0.0)[-3 * 144 :]))])
    assert (short.headline, short.detail) == (
        "Ainda não dá para prever quando os recursos ficam cheios",
        "Disco: há 3 dias completos de histórico, dos 8 que a previsão pede.",
    )
    assert capacity_quiet([reviewed(two_weeks(np.empty(0)))]).headline == (
        "Não há amostras para a revisão de capacidade"
    )


def test_the_frames_of_full_hours_are_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(Sheet, "write", lambda _sheet, _x, _y, text, **_how: written.append(text))
    heatmap.hours_of_week(reviewed(two_weeks(np.full(2016, 0.95))))
    assert "90% ou mais" in written
    written.clear()
    heatmap.hours_of_week(reviewed(two_weeks(np.full(2016, 0.5))))
    assert "90% ou mais" not in written
