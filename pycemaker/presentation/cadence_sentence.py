"""The sentence that says how often samples come. Pure."""

from collections import Counter

from pycemaker import i18n
from pycemaker.i18n.language import _
from pycemaker.series.period import MetricPeriod, Period

_MOST_NAMED = 2


def sampling(period: Period) -> str:
    """The cadence of samples, by metric where it differs: `uma amostra a cada 15 s`; empty where it is unknown.

    A metric without a sample in the period does not count.
    """
    collected = [part for part in period.metrics if len(part.current) and part.cadence.is_known]
    rhythms = {part.label: _rhythm(part) for part in collected}
    if not rhythms:
        return ""
    usual, how_often = Counter(rhythms.values()).most_common(1)[0]
    others = {label: rhythm for label, rhythm in rhythms.items() if rhythm != usual}
    if len(others) > _MOST_NAMED or (others and how_often == 1):
        steps_ms = [part.cadence.step_ms for part in collected]
        ends = {"shortest": i18n.distance(min(steps_ms) / 1000), "longest": i18n.distance(max(steps_ms) / 1000)}
        return _("uma amostra a cada {shortest} a {longest}, conforme a métrica", **ends)
    most = _("uma amostra {rhythm}", rhythm=usual)
    named = i18n.listed([f"{label}: {rhythm}" for label, rhythm in others.items()])
    return f"{most} ({named})" if named else most


def _rhythm(part: MetricPeriod) -> str:
    """The cadence of one metric's samples: `a cada 5 s`, `a cada 5 s e, desde 05:10, a cada 60 s`."""
    stretches = part.cadence.stretches
    if len(stretches) > _MOST_NAMED:
        steps_s = [stretch.step_ms / 1000 for stretch in stretches]
        ends = {"shortest": i18n.distance(min(steps_s)), "longest": i18n.distance(max(steps_s))}
        return _("a cada {shortest} a {longest}, conforme a hora", **ends)
    first, *later = [_("a cada {distance}", distance=i18n.distance(each.step_ms / 1000)) for each in stretches]
    if not later or later[0] == first:
        return first
    since = i18n.minute(stretches[1].start_ms, part.window, part.zone)
    return _("{first} e, desde {time}, {second}", first=first, time=since, second=later[0])
