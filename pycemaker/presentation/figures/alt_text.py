"""The sentences that stand for figures where a reader cannot see them, computed from what the figures show."""

from collections.abc import Sequence

from pycemaker import i18n
from pycemaker.analysis.criticity import MOST_CRITICITIES, leading
from pycemaker.analysis.metric_summary import Extreme, MetricSummary, summarize_metric
from pycemaker.i18n.language import _
from pycemaker.series.period import MetricPeriod


def course_sentence(part: MetricPeriod, summary: MetricSummary) -> str:
    """The course of one metric as a sentence: mean, extremes with their first times, the mean before."""
    unit = part.metric.unit
    subject = f"{part.label} {i18n.period_in_sentence(part.window, part.zone)}"
    before = _("período anterior: média {mean}", mean=i18n.reading_with_unit(summary.previous_mean, unit))
    if summary.previous_mean is None:
        before = _("período anterior: sem amostras")
    if summary.lowest is None or summary.highest is None:
        return f"{subject}: {_absence(summary)}; {before}."
    lowest, highest = _extreme(part, summary.lowest), _extreme(part, summary.highest)
    facts = {"mean": i18n.reading_with_unit(summary.mean, unit), "lowest": lowest, "highest": highest}
    return f"{subject}: " + _("média {mean}, mínimo {lowest}, máximo {highest}", **facts) + f"; {before}."


def shares_sentence(part: MetricPeriod, summary: MetricSummary) -> str:
    """The criticity shares of one metric as a sentence, from the least bad to the worst."""
    when = i18n.period_in_sentence(part.window, part.zone)
    subject = _("{label}, criticidade das amostras {when}", label=part.label, when=when)
    return f"{subject}: {_shares(summary) or _absence(summary)}."


def whole_sentence(part: MetricPeriod, summary: MetricSummary) -> str:
    """The course, and the criticity shares where there are any."""
    course = course_sentence(part, summary)
    return f"{course} {_('Criticidade das amostras')}: {_shares(summary)}." if summary.shares else course


def small_sentence(parts: Sequence[MetricPeriod]) -> str:
    """The courses of several metrics: from where to where each went."""
    when = i18n.period_in_sentence(parts[0].window, parts[0].zone)
    ends = [f"{part.label} {_ends(part)}" for part in parts]
    return _("Curso das métricas {when}", when=when) + f": {'; '.join(ends)}."


def _ends(part: MetricPeriod) -> str:
    summary, unit = summarize_metric(part), part.metric.unit
    if summary.lowest is None or summary.highest is None:
        return _absence(summary)
    start, end = i18n.reading(summary.lowest.reading, unit), i18n.reading_with_unit(summary.highest.reading, unit)
    return _("de {start} a {end}", start=start, end=end)


def _shares(summary: MetricSummary) -> str:
    return ", ".join(f"{word.label} {i18n.share(share)}" for word, share in leading(summary.shares, MOST_CRITICITIES))


def _absence(summary: MetricSummary) -> str:
    text = i18n.absence(summary.received)
    return text[:1].lower() + text[1:]


def _extreme(part: MetricPeriod, extreme: Extreme) -> str:
    amount = i18n.reading(extreme.reading, part.metric.unit)
    when = i18n.moment_in_sentence(extreme.first_ms, part.window, part.zone)
    if extreme.times > 1:
        times = _("{count} vezes", count=i18n.count(extreme.times))
        return _("{amount} ({times}, a primeira {when})", amount=amount, times=times, when=when)
    return f"{amount} {when}"
