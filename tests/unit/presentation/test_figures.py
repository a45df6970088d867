"""Figures: their lines, axes, words and bytes."""

from __future__ import annotations

import io
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from pycemaker.analysis.criticity import by_badness, criticity, leading
from pycemaker.analysis.metric_summary import summarize_metric
from pycemaker.metrics import CPU, HTTP_FAIL, METRICS, RESPONSE_TIME, Metric
from pycemaker.presentation import figures
from pycemaker.presentation.figures import canvas
from pycemaker.presentation.figures.axes import reading_scale, time_ticks
from pycemaker.presentation.figures.canvas import Picture, picture
from pycemaker.presentation.figures.curve import MOST_POINTS, curve
from pycemaker.series.batches import no_columns
from pycemaker.series.cadence import steady
from pycemaker.window import Window, to_epoch_ms
from tests.services.periods import NEW_YORK, SAO_PAULO, WINDOW, busy_period, columns, part

START_MS = to_epoch_ms(WINDOW.start_utc)
SPAN_MS = 6 * 3_600_000
FIVE_SECONDS, A_MINUTE = (steady(step_ms, START_MS, START_MS + SPAN_MS) for step_ms in (5000, 60_000))


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    figures.warm()


def opened(drawn: Picture) -> Image.Image:
    return Image.open(io.BytesIO(drawn.png))


# --- the line


def test_few_samples_are_drawn_as_they_are() -> None:
    line = curve(columns(WINDOW.start_utc, [1, 2, float("nan"), 4]), START_MS, SPAN_MS, FIVE_SECONDS)
    assert line.mean.tolist() == [1, 2, 4]
    assert ((line.time_ms - START_MS) / 1000).tolist() == [5, 10, 20]
    assert (line.bin_seconds, line.stretch.tolist()) == (0, [0, 0, 0])


def test_many_samples_are_binned_to_mean_lowest_and_highest() -> None:
    line = curve(columns(WINDOW.start_utc, [1, 2, 6] * 1440), START_MS, SPAN_MS, FIVE_SECONDS)
    assert (len(line), line.bin_seconds) == (180, 120)
    assert line.mean == pytest.approx(np.full(180, 3.0))
    assert (set(line.low), set(line.high)) == ({1.0}, {6.0})
    assert line.time_ms[0] - START_MS == 60_000


def test_a_line_never_has_more_points_than_a_figure_can_show() -> None:
    hours = 744
    start = WINDOW.end_utc - timedelta(hours=hours)
    line = curve(columns(start, [1.0] * (hours * 720)), to_epoch_ms(start), hours * 3_600_000, FIVE_SECONDS)
    assert len(line) <= MOST_POINTS


def test_a_line_breaks_where_samples_are_over_three_distances_apart() -> None:
    samples = columns(WINDOW.start_utc, [1] * 6)
    late = replace(samples, time_ms=samples.time_ms + np.array([0, 0, 0, 0, 10_000, 10_000]))
    assert curve(late, START_MS, SPAN_MS, FIVE_SECONDS).stretch.tolist() == [0, 0, 0, 0, 0, 0]
    later = replace(samples, time_ms=samples.time_ms + np.array([0, 0, 0, 0, 10_001, 10_001]))
    assert curve(later, START_MS, SPAN_MS, FIVE_SECONDS).stretch.tolist() == [0, 0, 0, 0, 1, 1]


def test_a_collector_slower_than_normal_is_no_row_of_gaps() -> None:
    slow = columns(WINDOW.start_utc, [1.0] * 100, every_seconds=60)
    assert set(curve(slow, START_MS, SPAN_MS, A_MINUTE).stretch.tolist()) == {0}


def test_a_binned_line_breaks_at_a_gap_longer_than_a_bin() -> None:
    samples = busy_period()["cpu"].current
    assert set(curve(samples, START_MS, SPAN_MS, FIVE_SECONDS).stretch.tolist()) == {0, 1}


def test_no_sample_gives_a_line_without_points() -> None:
    assert len(curve(no_columns(), START_MS, SPAN_MS, FIVE_SECONDS)) == 0


# --- the axes


def labels(window: Window, zone: ZoneInfo = SAO_PAULO) -> list[str]:
    return [tick.label for tick in time_ticks(window, zone)]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (1, ["08:50", "09:00", "09:10", "09:20", "09:30", "09:40"]),
        (6, ["04:00", "05:00", "06:00", "07:00", "08:00", "09:00"]),
        (24, ["12:00", "18:00", "10/04", "06:00"]),
        (72, ["12:00", "08/04", "12:00", "09/04", "12:00", "10/04"]),
        (720, ["16/03", "21/03", "26/03", "31/03", "05/04", "10/04"]),
    ],
)
def test_times_stand_at_round_wall_times_and_midnight_is_a_date(hours: int, expected: list[str]) -> None:
    assert labels(Window(WINDOW.end_utc, hours)) == expected


def test_hours_stay_evenly_spaced_where_one_of_them_happens_twice() -> None:
    window = Window(datetime(2024, 11, 3, 8, 30, tzinfo=UTC), 5)
    assert labels(window, NEW_YORK) == ["03/11", "01:00", "01:00", "02:00", "03:00"]


def test_a_skipped_midnight_is_marked_at_the_first_instant_of_the_day() -> None:
    window = Window(datetime(2018, 11, 4, 15, tzinfo=UTC), 24)
    ticks = time_ticks(window, SAO_PAULO)
    assert [tick.label for tick in ticks] == ["12:00", "18:00", "04/11", "06:00", "12:00"]
    assert ticks[2].position == to_epoch_ms(datetime(2018, 11, 4, 3, tzinfo=UTC))


def scale_labels(lowest: float, highest: float, unit: str) -> list[str]:
    return [tick.label for tick in reading_scale(lowest, highest, unit).ticks]


def test_ratios_always_show_the_whole_so_that_figures_compare() -> None:
    assert scale_labels(0.2, 0.3, "ratio") == ["0%", "25%", "50%", "75%", "100%"]


def test_other_readings_start_at_zero_and_end_at_a_round_number() -> None:
    assert scale_labels(0.1, 0.9, "seconds") == ["0 s", "250 ms", "500 ms", "750 ms", "1 s"]
    assert scale_labels(3, 17, "requests") == ["0", "5", "10", "15", "20"]
    assert scale_labels(0, 0, "requests") == ["0", "1"]
    assert scale_labels(-3, 4, "requests") == ["-4", "-2", "0", "2", "4"]


# --- criticities


def test_criticities_have_a_portuguese_name_a_colour_of_their_own_and_an_order() -> None:
    names = ["critical", "unknown", "high", "low", "regular", "medium"]
    words = by_badness(names)
    assert [word.label for word in words] == ["desconhecida", "baixa", "regular", "moderada", "alta", "crítica"]
    assert len({word.color for word in words}) == 6


def test_a_word_nobody_knows_keeps_its_spelling_and_its_colour() -> None:
    assert criticity("aviso").label == "aviso"
    assert criticity("aviso") == criticity("aviso")


def test_too_many_criticities_end_in_one() -> None:
    summary = leading({"low": 0.5, "high": 0.3, "a": 0.15, "b": 0.05}, 2)
    assert [(word.label, share) for word, share in summary] == [("baixa", 0.5), ("alta", 0.3), ("outras", 0.2)]


# --- the numbers


def test_a_digest_of_nothing_has_no_numbers() -> None:
    summary = summarize_metric(part(CPU, []))
    assert (summary.received, summary.expected, summary.mean, summary.growth, summary.lowest, summary.worst) == (
        0,
        0,
    ) + (None,) * 4
    assert summary.shares == {}


def test_a_summary_has_the_first_time_of_an_extreme_and_how_often_it_was() -> None:
    summary = summarize_metric(part(CPU, [0.5, 0.1, 0.9, 0.1]))
    assert summary.lowest is not None
    assert (summary.lowest.reading, summary.lowest.first_ms - START_MS, summary.lowest.times) == (0.1, 10_000, 2)


# --- the figures


def test_a_course_has_a_name_a_size_and_a_sentence_computed_from_its_data() -> None:
    drawn = figures.course(part(CPU, [0.421, 0.12, 0.9], [0.4]))
    assert (drawn.name, drawn.width, drawn.height) == ("cpu-course.png", 560, 284)
    assert drawn.alt == (
        "Consumo de CPU de 03:43 a 09:43 de 10/04/2022: média 48,0%, mínimo 12,0% às 03:43:33,"
        " máximo 90,0% às 03:43:38; período anterior: média 40,0%."
    )


def test_the_sentence_names_how_often_an_extreme_was_and_the_unit_of_counts() -> None:
    drawn = figures.course(part(HTTP_FAIL, [0, 0, 4]))
    assert drawn.alt == (
        "Falhas HTTP de 03:43 a 09:43 de 10/04/2022: média 16 por minuto, mínimo 0 (2 vezes, a primeira"
        " às 03:43:28), máximo 48 às 03:43:38; período anterior: sem amostras."
    )


def test_shares_have_a_sentence_from_the_least_bad_to_the_worst() -> None:
    drawn = figures.criticity_shares(part(CPU, [0.1] * 8, names=["critical", "low", "low", "medium"]))
    assert drawn.name == "cpu-criticity.png"
    assert drawn.alt == (
        "Consumo de CPU, criticidade das amostras de 03:43 a 09:43 de 10/04/2022:"
        " baixa 50,0%, moderada 25,0%, crítica 25,0%."
    )


@pytest.mark.parametrize(
    ("readings", "absence"),
    [([], "sem amostras neste período"), ([float("nan")] * 9, "nenhuma leitura válida neste período")],
)
def test_figures_of_nothing_say_so(readings: list[float], absence: str) -> None:
    empty = part(RESPONSE_TIME, readings, [0.2])
    assert f": {absence}; período anterior: média 200 ms." in figures.course(empty).alt
    assert figures.criticity_shares(empty).alt.endswith(f": {absence}.")


@pytest.mark.parametrize("readings", [[], [0.5], [0.0] * 20, [1e306, 1e307], [1e-320] * 3, [-5.0, 5.0]])
def test_any_readings_give_a_figure(readings: list[float]) -> None:
    assert opened(figures.course(part(RESPONSE_TIME, readings))).size == (1120, 568)


def test_any_criticities_give_a_figure() -> None:
    names = [f"palavra $número {index} <&>" for index in range(40)]
    assert opened(figures.criticity_shares(part(CPU, [0.5] * 40, names=names))).size == (1120, 272)


def test_figures_are_small_sharp_and_on_opaque_white() -> None:
    for drawn in (figures.course(busy_period()["cpu"]), figures.criticity_shares(busy_period()["cpu"])):
        image = opened(drawn)
        assert (image.mode, image.width) == ("P", 1120)
        assert "transparency" not in image.info
        assert image.convert("RGB").getpixel((1119, 0)) == (255, 255, 255)
        assert len(drawn.png) < 35_000


def test_the_line_is_drawn_in_the_colour_of_its_metric_and_the_one_before_in_grey() -> None:
    drawn = opened(figures.course(part(CPU, [0.5] * 4000, [0.2] * 4000))).convert("RGB")
    near = {color for _, color in drawn.getcolors(100_000) or []}
    for wanted in ((0x1F, 0x5F, 0xBF), (0x87, 0x93, 0x9F)):
        assert min(sum(abs(a - b) for a, b in zip(wanted, color, strict=True)) for color in near) < 24


def test_a_gap_is_left_white_between_the_two_ends_of_the_line() -> None:
    busy = busy_period()["cpu"]
    drawn = opened(figures.course(replace(busy, previous=no_columns()))).convert("RGB")
    inside_gap = 2 * (80 + round(452 * (0.3 + 10 / 360)))
    column = {drawn.getpixel((inside_gap, y)) for y in range(150, 480)}
    assert not any(blue - red > 60 for red, _, blue in column)  # type: ignore[misc]


def test_jupyter_gets_the_picture_with_its_name_its_size_and_its_sentence() -> None:
    drawn = Picture("a.png", b"\x89PNG", "Uma frase.", 600, 230)
    content, metadata = drawn._repr_mimebundle_(include=None, exclude=None)
    assert b64decode(content["image/png"]) == b"\x89PNG"
    assert metadata == {"filename": "a.png", "image/png": {"width": 600, "height": 230, "alt": "Uma frase."}}


def test_a_figure_of_ones_own_is_scaled_to_the_width_of_the_report() -> None:
    from matplotlib.figure import Figure

    own = Figure(figsize=(3, 1))
    own.add_subplot().plot([1, 2])
    drawn = picture(own, "minha", "Minha figura.")
    assert (drawn.name, drawn.width, drawn.height, opened(drawn).size) == ("minha.png", 560, 186, (1120, 373))


def test_drawing_leaves_no_global_state() -> None:
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    before = dict(mpl.rcParams)
    figures.course(part(CPU, [0.5]))
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


def test_text_in_figures_can_be_read_on_a_telephone_360_pixels_wide() -> None:
    beside = 2 * 4  # what the mail and the page leave at either side of a figure there
    assert canvas.FONT_PIXELS * (360 - beside) / canvas.WIDTH >= 11


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.id)
def test_every_word_of_a_course_is_inside_the_figure(metric: Metric, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[float, float]] = []

    def note(self: canvas.Sheet, x: float, y: float, text: str, **style: object) -> None:
        width = self.width_of(text, weight=str(style.get("weight", "normal")))
        left = x - {"left": 0.0, "center": 0.5, "right": 1.0}[str(style.get("ha", "left"))] * width
        written.append((left, left + width))

    monkeypatch.setattr(canvas.Sheet, "write", note)
    figures.course(replace(busy_period()[metric.id], metric=metric))
    figures.criticity_shares(busy_period()[metric.id])
    assert len(written) > 8
    assert min(left for left, _ in written) >= 0
    assert max(right for _, right in written) <= canvas.WIDTH


# --- what stands whole, and what is a line


def test_a_whole_metric_has_its_course_and_its_criticities_in_one_figure() -> None:
    drawn = figures.whole(part(CPU, [0.421, 0.12, 0.9], [0.4], ["low", "high", "critical"]))
    assert (drawn.name, drawn.width, drawn.height) == ("cpu-course.png", 560, figures.WHOLE_HEIGHT)
    assert drawn.alt == (
        "Consumo de CPU de 03:43 a 09:43 de 10/04/2022: média 48,0%, mínimo 12,0% às 03:43:33, máximo 90,0% às 03:43:38;"
        " período anterior: média 40,0%. Criticidade das amostras: baixa 33,3%, alta 33,3%, crítica 33,3%."
    )


def test_a_whole_metric_without_samples_says_so() -> None:
    assert figures.whole(part(CPU, [])).alt == (
        "Consumo de CPU de 03:43 a 09:43 de 10/04/2022: sem amostras neste período; período anterior: sem amostras."
    )


def test_small_courses_have_a_row_a_metric_and_say_from_where_to_where_each_went() -> None:
    drawn = figures.small_courses([part(CPU, [0.4, 0.6]), part(RESPONSE_TIME, [])])
    assert drawn.height == 2 * 54 + 30
    assert drawn.alt == (
        "Curso das métricas de 03:43 a 09:43 de 10/04/2022: Consumo de CPU de 40,0% a 60,0%;"
        " Tempo de resposta sem amostras neste período."
    )


@pytest.mark.parametrize(("hours", "band"), [(23, (1.0, 100.0)), (24, (5.0, 95.0))])
def test_from_a_day_on_a_band_goes_from_the_5th_to_the_95th_percentile(hours: int, band: tuple[float, float]) -> None:
    start = WINDOW.end_utc - timedelta(hours=hours)
    samples, start_ms = columns(start, list(range(1, 101)) * 36, every_seconds=3), to_epoch_ms(start)
    line = curve(samples, start_ms, hours * 3_600_000, steady(3000.0, start_ms, to_epoch_ms(WINDOW.end_utc)))
    assert line.bin_seconds == 300
    assert (line.low[0], line.high[0]) == band


def test_fonts_with_more_signs_come_after_the_bundled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import font_manager

    installed = ["Liberation Sans", "Symbola", "Noto Sans CJK JP", "DejaVu Sans"]
    monkeypatch.setattr(font_manager, "get_font_names", lambda: installed)
    canvas.font_families.cache_clear()
    try:
        with canvas.theme():
            assert mpl.rcParams["font.family"] == ["DejaVu Sans", "Noto Sans CJK JP", "Symbola"]
    finally:
        canvas.font_families.cache_clear()
