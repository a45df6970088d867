"""The sentences that stand for figures where a reader cannot see them, computed from what the figures show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycemaker import words
from pycemaker.criticity import MOST_CRITICITIES, leading
from pycemaker.digest import Digest, Extreme
from pycemaker.language import _

if TYPE_CHECKING:
    from pycemaker.period import MetricPeriod


def course_sentence(part: MetricPeriod, told: Digest) -> str:
    """The course of one metric as a sentence: mean, extremes with their first times, the mean before."""
    unit = part.metric.unit
    what = f"{part.label} {words.period_in_sentence(part.window, part.zone)}"
    before = _("período anterior: média {mean}", mean=words.reading_with_unit(told.previous_mean, unit))
    if told.previous_mean is None:
        before = _("período anterior: sem amostras")
    if told.lowest is None or told.highest is None:
        return f"{what}: {_absence(told)}; {before}."
    lowest, highest = _extreme(part, told.lowest), _extreme(part, told.highest)
    facts = {"mean": words.reading_with_unit(told.mean, unit), "lowest": lowest, "highest": highest}
    return f"{what}: " + _("média {mean}, mínimo {lowest}, máximo {highest}", **facts) + f"; {before}."


def shares_sentence(part: MetricPeriod, told: Digest) -> str:
    """The criticity shares of one metric as a sentence, from the least bad to the worst."""
    when = words.period_in_sentence(part.window, part.zone)
    what = _("{label}, criticidade das amostras {when}", label=part.label, when=when)
    shares = [f"{word.label} {words.share(share)}" for word, share in leading(told.shares, MOST_CRITICITIES)]
    return f"{what}: {', '.join(shares) or _absence(told)}."


def _absence(told: Digest) -> str:
    text = words.absence(told.received)
    return text[:1].lower() + text[1:]


def _extreme(part: MetricPeriod, extreme: Extreme) -> str:
    amount = words.reading(extreme.reading, part.metric.unit)
    when = words.moment_in_sentence(extreme.first_ms, part.window, part.zone)
    if extreme.times > 1:
        times = words.times(extreme.times)
        return _("{amount} ({times}, a primeira {when})", amount=amount, times=times, when=when)
    return f"{amount} {when}"
