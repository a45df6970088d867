"""The part of the page at `/` that renews itself: health, open alerts, next schedules, and a card a metric."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from pycemaker import i18n
from pycemaker.analysis.health import FAILING
from pycemaker.analysis.rates import PER_MINUTE, in_rates, rate
from pycemaker.i18n.language import _, pgettext
from pycemaker.metrics import find_metric
from pycemaker.monitor.alert_history import Alert
from pycemaker.monitor.forecast_reader import HEALTH, Forecast
from pycemaker.monitor.hourly_forecasts import AHEAD_HOURS
from pycemaker.parsing.route_paths import ALERTS_PATH, SCHEDULES_PATH
from pycemaker.presentation import alert_wording
from pycemaker.series.batches import no_columns
from pycemaker.series.period import MetricPeriod
from pycemaker.series.robust import Floats
from pycemaker.web.access.redaction import redact_known
from pycemaker.web.overview_status import LastHour, OverviewStatus
from pycemaker.web.pages import course_chart
from pycemaker.web.pages.templating import render
from pycemaker.window import Window, from_epoch_ms, to_epoch_ms, to_wall_text

MOST_ALERTS = 5
_HOUR_MS, _HALF_HOUR_MS = 3_600_000, 1_800_000
_FAIR = 0.6  # A score at or below it is no good one any more
_LATE_STEPS = 3.5
_ROUND = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_AHEAD = timedelta(hours=AHEAD_HOURS)
_AHEAD_MS = AHEAD_HOURS * _HOUR_MS


@dataclass(frozen=True)
class _Course:
    """A course in the unit that readers see; `middle`, `low`, `high` each half hour from now on, NaN without a band."""

    past: Floats
    middle: Floats
    low: Floats
    high: Floats


def fragment(status: OverviewStatus, zone: ZoneInfo, root_path: str, base_path: str) -> str:
    """The part as HTML, in the language spoken; the same text as long as nothing has changed.

    Args:
        root_path: the beginning of links that are of all applications.
        base_path: of those of the application.
    """
    window = Window(status.now_utc + _AHEAD, 2 * AHEAD_HOURS)
    now_ms = to_epoch_ms(status.now_utc)
    return render(
        "overview.html",
        chart=course_chart,
        health=_health(status, window, zone),
        alerts=[_alert(each, status.now_utc, zone) for each in status.alerts[:MOST_ALERTS]],
        more_alerts=len(status.alerts) - MOST_ALERTS,
        alerts_url=base_path + ALERTS_PATH,
        schedules=None if status.schedules is None else [_schedule(each, zone) for each in status.schedules],
        schedules_url=root_path + SCHEDULES_PATH,
        metrics=[_metric(each, status, zone, base_path) for each in status.hours],
        times=[i18n.clock(from_epoch_ms(now_ms + each), zone, "HH:mm") for each in (-_AHEAD_MS, _AHEAD_MS)],
        has_samples=any(each.end_utc for each in status.hours),
        nothing=i18n.NOTHING,
        base_path=base_path,
    )


def interval_link(hour: LastHour, zone: ZoneInfo, base_path: str) -> str | None:
    """The address of the hour's samples; None where there is none."""
    return None if hour.end_utc is None else f"{base_path}/{hour.metric.id}/{to_wall_text(hour.end_utc, zone)}/1"


def tail_link(hour: LastHour, zone: ZoneInfo, base_path: str) -> str | None:
    """The address of the samples from its last five minutes on; None where there is none."""
    if hour.end_utc is None:
        return None
    return f"{base_path}/{hour.metric.id}/{to_wall_text(hour.end_utc - timedelta(minutes=5), zone)}"


def _health(status: OverviewStatus, window: Window, zone: ZoneInfo) -> dict[str, Any]:
    forecast, is_known = status.forecasts.get(HEALTH), status.score == status.score
    course = _course(status.scores, forecast, status)
    return {
        "is_known": is_known,
        "now": i18n.percent(status.score, 0) if is_known else i18n.NOTHING,
        "state": _state(status.score) if is_known else "",
        "worst": _(find_metric(status.worst).label),
        "expected": _expected_health(forecast, course, window, zone),
        "scale": f"0 – {i18n.percent(1, 0)}",
        "failing": course_chart.height(FAILING, 1.0),
        **_paths(course, 1.0),
    }


def _state(score: float) -> str:
    """The class of a known score."""
    return "bad" if score <= FAILING else "fair" if score <= _FAIR else "good"


def _expected_health(forecast: Forecast | None, course: _Course, window: Window, zone: ZoneInfo) -> str:
    if forecast is None or not np.isfinite(course.middle).all():
        return ""
    now_ms, reached = to_epoch_ms(window.end_utc - _AHEAD), forecast.reaches_limit
    if reached is not None and reached.middle_ms > now_ms and forecast.ahead.amount > FAILING:
        at = i18n.minute_in_sentence(reached.middle_ms, window, zone)
        return _("Deve chegar a {limit}, e falhar, {at}.", limit=i18n.percent(FAILING, 0), at=at)
    least = course.low if np.isfinite(course.low).all() else course.middle
    return _(
        "Em {length}: {least} ou mais.", length=i18n.length(AHEAD_HOURS), least=i18n.percent(float(least.min()), 0)
    )


def _metric(hour: LastHour, status: OverviewStatus, zone: ZoneInfo, base_path: str) -> dict[str, Any]:
    """A metric's card, for the template."""
    metric = hour.metric
    card = {"id": metric.id, "label": _(metric.label), "collection": metric.collection, "has_samples": False}
    if hour.end_utc is None:
        return card
    raw = MetricPeriod(metric, Window(hour.end_utc, 1), zone, hour.samples, no_columns())
    period = in_rates(raw)
    unit = period.metric.unit
    past = status.courses[metric.id] * (60 if unit == PER_MINUTE else 1)
    course = _course(past, status.forecasts.get(metric.id), status, rate(1.0, raw))
    top, bottom = _scale(course, metric.bounds[1])
    readings = period.current.reading[np.isfinite(period.current.reading)]
    newest_ms = int(hour.samples.time_ms[-1]) if len(hour.samples) else to_epoch_ms(hour.end_utc)
    late_ms = to_epoch_ms(status.now_utc) - newest_ms
    latest = f"{base_path}/{metric.id}/now/1"  # the same text all the time, where interval_link names the instant
    return card | {
        "has_samples": True,
        "reading": i18n.reading(float(readings[-1]), unit) if len(readings) else i18n.NOTHING,
        "unit": i18n.unit_phrase(unit),
        "is_late": late_ms > max(course_chart.STEP_MS, _LATE_STEPS * raw.cadence.step_ms),
        "time": _time(newest_ms, zone, is_old=late_ms > _AHEAD_MS),
        "scale": f"{i18n.short_reading(bottom, unit) if bottom else 0} – {i18n.short_reading(top, unit)}",
        "expected": _expected(course, unit),
        "color": metric.color,
        "interval_url": interval_link(hour, zone, base_path) if late_ms > _HOUR_MS else latest,
        "forecast_url": f"{base_path}/forecast/{metric.id}/now/{AHEAD_HOURS}",
        **_paths(course, top, bottom),
    }


def _course(past: Floats, forecast: Forecast | None, status: OverviewStatus, factor: float = 1.0) -> _Course:
    """The course of a metric, or of the health; `factor`: from a forecast's unit to the readers'."""
    if forecast is None:
        return _Course(past, *np.full((3, 1), np.nan))
    times = to_epoch_ms(status.now_utc) + _HALF_HOUR_MS * np.arange(_AHEAD_MS // _HALF_HOUR_MS + 1)
    middle, low, high = (each * factor for each in forecast.ahead.at(times))
    return _Course(past, middle, low, high)


def _scale(course: _Course, most: float) -> tuple[float, float]:
    """The upper and the lower end: from 0 to the most there can be, else to a round number above all that is drawn."""
    drawn = np.concatenate([[0.0], course.past, course.middle, course.low, course.high])
    least, highest = float(np.nanmin(drawn)), float(np.nanmax(drawn)) or 1.0
    size = 10.0 ** np.floor(np.log10(abs(highest)))
    above = [each * size for each in _ROUND if each * size >= highest]
    return most if np.isfinite(most) else float(above[0]), least


def _paths(course: _Course, top: float, bottom: float = 0.0) -> dict[str, str]:
    return {
        "line": course_chart.line(course.past, top, bottom),
        "ahead": course_chart.ahead(course.middle, top, bottom),
        "band": course_chart.band(course.low, course.high, top, bottom),
    }


def _expected(course: _Course, unit: str) -> str:
    """The reading that is expected at the end of the chart; nothing without a forecast."""
    middle, low, high = (float(each[-1]) for each in (course.middle, course.low, course.high))
    if middle != middle:
        return ""
    texts = {"length": i18n.length(AHEAD_HOURS), "middle": i18n.reading(middle, unit)}
    if low != low:
        return _("em {length}: {middle}", **texts)
    return _(
        "em {length}: {middle} ({low} a {high})", **texts, low=i18n.reading(low, unit), high=i18n.reading(high, unit)
    )


def _time(epoch_ms: int, zone: ZoneInfo, *, is_old: bool = False) -> str:
    return i18n.day_and_minute(epoch_ms, zone) if is_old else i18n.clock(from_epoch_ms(epoch_ms), zone, "HH:mm:ss")


def _alert(alert: Alert, now_utc: datetime, zone: ZoneInfo) -> dict[str, str]:
    """An open alert as a line: what and since when; below it how long, how bad, and who knows."""
    headline, *more = alert_wording.sentences(alert, zone, now_utc)[:-1]
    return {"headline": headline.removesuffix("."), "more": " ".join(more)}


def _schedule(schedule: Mapping[str, Any], zone: ZoneInfo) -> dict[str, str]:
    """A schedule's name, in which its recipients' addresses are hidden, and its next instant."""
    name = redact_known({"name": schedule["name"]}, schedule["recipients"])["name"]
    at = i18n.clock(schedule["next_at"], zone, pgettext("date", "EEE dd/MM HH:mm"))
    return {"id": schedule["_id"], "name": name, "at": at}
