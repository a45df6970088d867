"""Functions with which a notebook's cells show parts of the report, below the cell and in the mail alike.

`reading` and `clock` write the numbers and times of a cell's own tables and figures.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pycemaker import brand, i18n
from pycemaker.analysis.capacity import Resource
from pycemaker.analysis.findings.choice import MOST_FINDINGS, find
from pycemaker.analysis.findings.finding_values import Change, change
from pycemaker.analysis.period_health import period_health
from pycemaker.analysis.rates import in_rates
from pycemaker.i18n.language import _
from pycemaker.monitor.fired_alerts import FiredAlerts
from pycemaker.presentation import alert_findings, capacity_tables, figures, fleet_table, tables
from pycemaker.presentation.capacity_findings import capacity_findings, capacity_quiet
from pycemaker.presentation.figures import full_date_line, health_course, heatmap
from pycemaker.presentation.figures.canvas import Picture
from pycemaker.presentation.mail_width import CONTENT_WIDTH
from pycemaker.series.fleet import Fleet
from pycemaker.series.memoize import memoized
from pycemaker.series.period import MetricPeriod, Period
from pycemaker.settings import TEMPLATES

_STYLE = TEMPLATES / "mail" / "style.css"
_AGAINST_JUPYTER = (
    ".pm-notebook{padding:4px 0 8px 0}.pm-notebook thead{border:0!important}"
    ".pm-notebook tr,.pm-notebook th,.pm-notebook td{text-align:left!important}"
)


def heading(period: Period, title: str = "") -> None:
    """Show the report's head: its title if it has one, the period, the zone, how complete the samples are.

    A title that the catalogues have is translated.
    """
    _show(tables.heading(period, title), "heading", {"pycemaker": {"data_digest": period.digest}})


def changes(period: Period) -> None:
    """Show the findings, the most important first. The first one becomes the mail's subject and its preview."""
    findings = _find(period)
    _show(tables.findings(findings, period), "findings", {"pycemaker": tables.mail_head(findings, period)})


def what_changed(period: Period) -> tuple[Change, ...]:
    """The findings that `changes` shows, as values; none where nothing is out of the ordinary.

    `pandas.DataFrame(what_changed(period))` has a row a change.
    """
    return tuple(change(finding, period.zone) for finding in _find(period))


def health(period: Period, *, in_mail: bool = True) -> None:
    """Show the health over the period and what is expected after it; nothing where the index lacks a metric.

    With `in_mail=False` it is on the full page alone.
    """
    known = period_health(period)
    if known is not None:
        only = {} if in_mail else {"pycemaker": {"only": "page"}}
        content, metadata = health_course.health_course(period, known)._repr_mimebundle_()
        _display(content, metadata | only)
        _show(tables.health(period, known), "health", only)


def trust(period: Period) -> None:
    """Show the data quality: samples received of expected, gaps, irregular ones."""
    _show(tables.trust(period), "trust")


def moved(period: Period) -> tuple[MetricPeriod, ...]:
    """The metrics of the findings that `changes` shows, three at most, the first ones first."""
    metric_ids = [metric for finding in _find(period) for metric in finding.metrics]
    return tuple(period[metric] for metric in dict.fromkeys(metric_ids))[:MOST_FINDINGS]


def others(period: Period) -> tuple[MetricPeriod, ...]:
    """The metrics that are not among `moved`, in the registry's order."""
    whole = {part.metric.id for part in moved(period)}
    return tuple(part for part in period.metrics if part.metric.id not in whole)


def summary(period: Period, metrics: Sequence[MetricPeriod] | None = None) -> None:
    """Show a line and a small course for each metric: of all, or of some, as in `summary(period, others(period))`."""
    parts = period.metrics if metrics is None else tuple(metrics)
    if parts:
        _show(tables.summary(parts, is_rest=len(parts) < len(period.metrics)), "summary")
        figure(figures.small_courses(parts))


def section(part: MetricPeriod, *, in_mail: bool = True) -> None:
    """Show one metric whole: its numbers, its course over time, its criticity shares.

    Args:
        part: `period["cpu"]`, or whatever stands for one metric.
        in_mail: False for what is to be on the full page alone.
    """
    only = {} if in_mail else {"pycemaker": {"only": "page"}}
    part = in_rates(part)
    _show(tables.section(part), part.metric.id, only)
    content, metadata = figures.whole(part)._repr_mimebundle_()
    _display(content, metadata | only)


def capacity_changes(period: Period, resources: Sequence[Resource]) -> None:
    """Show which resource is or will be full, the most urgent first; the first becomes the mail's subject."""
    findings, quiet = capacity_findings(resources)[:MOST_FINDINGS], capacity_quiet(resources)
    head = tables.mail_head(findings or (quiet,), period) | ({} if findings else {"severity": 0})
    _show(tables.capacity(findings, quiet), "findings", {"pycemaker": head})


def capacity_summary(resources: Sequence[Resource]) -> None:
    """Show how much room each resource has left, and when it would be full, a row a resource."""
    _show(capacity_tables.summary(resources), "capacity")


def capacity_section(resource: Resource) -> None:
    """Show one resource: its headroom, its busy hours, where it is heading."""
    _show(capacity_tables.section(resource), resource.part.metric.id)
    figure(heatmap.hours_of_week(resource))
    figure(full_date_line.trend_to_limit(resource))


def fleet_changes(fleet: Fleet) -> None:
    """Show the applications that changed most or are worst, a line each. The first one becomes the mail's subject."""
    lines = [f"{fleet_table.name_of(row)}: {fleet_table.sentence(row)}" for row in fleet.rows[1:]]
    head = {"headline": fleet_table.headline(fleet.rows), "preheader": "; ".join(lines), "is_sample": False}
    _show(fleet_table.table(fleet), "fleet", {"pycemaker": head})


def alert_changes(fired: FiredAlerts, period: Period, action_url: str | None = None) -> None:
    """Show what fired or ended, since when, how bad, what to do next. The mail's subject is that of its plain mail.

    Args:
        fired: the alerts, of `read_alerts`.
        period: the samples around the first one.
        action_url: the link to acknowledge or mute them; None for none. No caller of a route may give it.
    """
    html, head = alert_findings.alert_head(fired, period, action_url)
    _show(html, "alerts", {"pycemaker": head | {"data_digest": period.digest}})


def alert_order(fired: FiredAlerts, period: Period) -> None:
    """Show which metric moved first around the leading alert, and which followed; nothing where none moved."""
    if html := alert_findings.alert_order(fired, period):
        _show(html, "order")


def alert_courses(fired: FiredAlerts, period: Period) -> None:
    """Show every metric around the leading alert on one time axis, its threshold and its first instant marked."""
    if fired.alerts:
        figure(figures.small_courses(*alert_findings.alert_rows(fired, period)))


def alert_list(fired: FiredAlerts) -> None:
    """Show the alerts of a report's period, a line each; nothing where none fired."""
    if html := alert_findings.alert_list(fired):
        _show(html, "alerts")


def translated(text: str, **facts: object) -> str:
    """A text of one's own in the readers' language, where the catalogues have it: `translated("Fila de pedidos")`.

    `make messages` finds it in the notebook; facts stand in braces: `translated("{count} pedidos", count=12)`.
    """
    return _(text, **facts)


def reading(amount: float | None, unit: str = "") -> str:
    """A reading: 0.785 in `ratio` gives `78,5%`, 0.183 in `seconds` `183 ms`; NaN and None give a dash.

    Without a unit it is a bare number; one that is a word of its own stands behind it.
    """
    number = None if amount is None or math.isnan(amount) else float(amount)
    return i18n.reading_with_unit(number, unit)


def clock(moment: datetime | None, pattern: str = "HH:mm") -> str:
    """A time (`datetime`, pandas `Timestamp`) on the clock of its own zone: `19:56`; NaT and None give a dash.

    `pattern` is CLDR's: `clock(moment, "dd/MM HH:mm")` gives `28/11 19:56`.
    """
    if moment is None or moment != moment:
        return i18n.NOTHING
    return i18n.clock(moment, moment.tzinfo or UTC, pattern)


def figure(drawn: Picture) -> None:
    """Show a figure: `figure(course(period["cpu"]))`."""
    _display(*drawn._repr_mimebundle_())


_find = memoized(find)  # The findings of a period, computed once for all cells


def _show(fragment: str, name: str, metadata: dict[str, Any] | None = None) -> None:
    """Show a fragment. Its style sheet goes with it for Jupyter; the mail has its own copy and drops this one."""
    style = (
        f'<style data-pycemaker="">{brand.style_sheet(_STYLE, CONTENT_WIDTH=CONTENT_WIDTH)}{_AGAINST_JUPYTER}</style>'
    )
    html = f'{style}<div class="pm-cell pm-notebook">{fragment}</div>'
    _display({"text/html": html, "text/plain": f"<{name}>"}, metadata or {})


def _display(content: dict[str, str], metadata: dict[str, Any]) -> None:
    from IPython.display import display

    display(content, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
