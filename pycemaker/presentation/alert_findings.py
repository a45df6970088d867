"""Alerts as findings of their mail: words, the measure of earlier days, the order of the metrics. Pure."""

from html import escape
from typing import Any

from pycemaker import i18n
from pycemaker.analysis.findings.assessment import AllClear
from pycemaker.analysis.findings.finding import CRITICAL, NOTICE, WARNING, Finding, reading_text
from pycemaker.analysis.first_moves import first_moves
from pycemaker.analysis.rates import PER_MINUTE, rate_unit
from pycemaker.analysis.same_hours import same_hours, same_hours_of_health
from pycemaker.i18n.language import _, ngettext
from pycemaker.monitor.alert_history import FORECAST, HEALTH, NO_DATA, THRESHOLD, Alert
from pycemaker.monitor.fired_alerts import FiredAlerts
from pycemaker.presentation import alert_wording, tables
from pycemaker.presentation.figures.small_courses import Mark
from pycemaker.series.period import MetricPeriod, Period
from pycemaker.window import to_epoch_ms

_MOST_LISTED = 8


def alert_head(fired: FiredAlerts, period: Period, action_url: str | None) -> tuple[str, dict[str, Any]]:
    """The first fragment of the mail, and its head: the whole subject, the preheader, the severity."""
    found = [_finding(alert, fired, period) for alert in fired.alerts]
    quiet = AllClear(_("Nenhum alerta neste período"), i18n.period(fired.window, fired.zone), _("nada."))
    when = i18n.day_and_minute(to_epoch_ms(fired.window.end_utc), fired.zone)
    title, zone = period.application or _("Alerta"), i18n.zone_phrase(fired.window, fired.zone)
    html = tables.alerts(title, f"{when} · {zone}", found, None if found else quiet)
    if not found:
        return html, {"headline": quiet.headline, "severity": 0}
    if action_url:
        label = _("Reconhecer ou silenciar")
        html += f'<p class="pm-action"><a href="{escape(action_url)}">{label}</a></p>'
    head = {"headline": alert_wording.subject(fired.alerts, fired.zone), "is_subject": True}
    return html, head | {"preheader": found[0].detail, "severity": max(each.severity for each in found)}


def alert_list(fired: FiredAlerts) -> str:
    """A line an alert, for a report: what, from when to when, how bad; empty where none fired."""
    lines = [" ".join(alert_wording.sentences(each, fired.zone, fired.window.end_utc)[:2]) for each in fired.alerts]
    if len(lines) > _MOST_LISTED:
        left = len(lines) - _MOST_LISTED
        lines[_MOST_LISTED:] = [ngettext("E mais {count} alerta.", "E mais {count} alertas.", left, count=left)]
    rows = "".join(f"<p>{escape(line)}</p>" for line in lines)
    title = _("Alertas")
    return f'<div class="pm-alerts"><h2>{title}</h2>{rows}</div>' if rows else ""


def alert_order(fired: FiredAlerts, period: Period) -> str:
    """A row for each metric that moved around the leading alert, the first one first; empty where none did."""
    rows = ""
    for move in first_moves(period, fired.since_ms) if fired.alerts else ():
        time = i18n.minute(move.at_ms, period.window, period.zone)
        levels = [reading_text(level, move.part, move.at_ms) for level in (move.before, move.after)]
        cells = (time, f"<strong>{escape(move.part.label)}</strong><br>{escape(' → '.join(levels))}")
        rows += "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    if not rows:
        return ""
    return tables.listing(_("O que se mexeu primeiro"), (_("Desde"), _("Métrica, antes e depois")), rows)


def alert_rows(fired: FiredAlerts, period: Period) -> tuple[tuple[MetricPeriod, ...], Mark]:
    """Every metric, the leading alert's first, then those that moved, in their order; and what is marked."""
    lead = fired.alerts[0]
    first = [lead.metric, *(move.part.metric.id for move in first_moves(period, fired.since_ms))]
    parts = sorted(period.metrics, key=lambda part: (*first, part.metric.id).index(part.metric.id))
    limit, text = None, ""
    if lead.kind in (THRESHOLD, FORECAST) and lead.enter is not None and parts[0].metric.id == lead.metric:
        unit = rate_unit(parts[0])
        limit = lead.enter * (60 if unit == PER_MINUTE else 1)
        text = _("limite {limit}", limit=f"{i18n.short_reading(limit, unit)} {i18n.unit_phrase(unit)}".strip())
    start = _("início {when}", when=i18n.minute_in_sentence(fired.since_ms, period.window, period.zone))
    return tuple(parts), Mark(fired.since_ms, start, limit, text)


def _finding(alert: Alert, fired: FiredAlerts, period: Period) -> Finding:
    now_utc = fired.window.end_utc
    what, *told, advice = alert_wording.sentences(alert, fired.zone, now_utc)
    if alert is fired.alerts[0]:
        told.append(_usual(alert, fired, period))
    severity = NOTICE if alert.ended_at else WARNING if alert.kind == FORECAST else CRITICAL
    detail = " ".join(told).strip()
    return Finding("alert", alert.metric, severity, what.removesuffix("."), detail, advice, to_epoch_ms(alert.since))


def _usual(alert: Alert, fired: FiredAlerts, period: Period) -> str:
    """The sentence with the same hour of earlier days; empty where they are not known."""
    parts = {part.metric.id: part for part in period.metrics}
    is_above, threshold = alert_wording.is_above(alert), alert.enter or 0.0
    if alert.kind == HEALTH:
        known = same_hours_of_health(period, fired.since_ms, threshold)
    elif alert.kind == NO_DATA or alert.metric not in parts:
        known = None
    else:
        known = same_hours(parts[alert.metric], fired.since_ms, threshold, is_above=is_above)
    return alert_wording.usual(alert, known) if known else ""
