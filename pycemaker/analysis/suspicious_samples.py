"""Suspicious samples, named for readers and never rewritten. Pure.

Each check knows one mistake of collectors: shares written as percent, counters written as they stand, criticities in
other letters, and local time written as UTC.
"""

import unicodedata
from collections.abc import Iterator

import numpy as np

from pycemaker import i18n
from pycemaker.i18n.language import N_, _
from pycemaker.series.period import MetricPeriod, Period

_SPELLINGS = {
    "low": ("baixa", "baixo", "ok"),
    "medium": ("media", "medio", "moderate", "warning"),
    "high": ("alta", "alto"),
    "critical": ("critica", "critico", "crit"),
    "regular": (),
}
"""Other spellings of the contract's criticities, without accents and in small letters."""

_MEANT = {spelling: name for name, others in _SPELLINGS.items() for spelling in (name, *others)}

_PERCENT_SHARE = 0.1  # The share of readings above 1 from which a ratio looks like percent

_FEWEST, _FEWEST_RISES = 30, 5
_QUARTER_SECONDS = 900  # Zones are whole quarters of an hour apart
_OFF_SECONDS = 300
"""The largest distance from a whole quarter of an hour: samples are stored a little after their time."""

_AHEAD = N_("{labels}: a hora das amostras está {length} à frente da gravação; parece hora local escrita como UTC.")
_BEHIND = N_("{labels}: a hora das amostras está {length} atrás da gravação; parece hora local escrita como UTC.")


def suspicions(period: Period) -> list[str]:
    """A sentence for each mistake that samples of the period look like; none where they look right."""
    sentences = []
    for looks_like, sentence in (
        (_is_percent, N_("{labels}: parece porcentagem, de 0 a 100; o esperado é de 0 a 1, e nada foi convertido.")),
        (_only_grows, N_("{labels}: parece um contador, que só cresce; o esperado é quanto houve em cada amostra.")),
    ):
        labels = [part.label for part in period.metrics if looks_like(part)]
        sentences += [_(sentence, labels=i18n.listed(labels))] if labels else []
    return [*sentences, *_spelt_otherwise(period), *_in_another_zone(period)]


def _is_percent(part: MetricPeriod) -> bool:
    finite = part.current.reading[np.isfinite(part.current.reading)]
    if part.metric.unit != "ratio" or not len(finite):
        return False
    return bool((finite > 1).mean() >= _PERCENT_SHARE and finite.max() > 1.5)


def _only_grows(part: MetricPeriod) -> bool:
    """True if readings rise and fall only to begin anew: a memory or a queue may do so, a rate does not."""
    finite = part.current.reading[np.isfinite(part.current.reading)]
    if part.metric.unit not in ("seconds", "requests") or len(finite) < _FEWEST:
        return False
    steps = np.diff(finite)
    rises, falls = int((steps > 0).sum()), steps < 0
    begins_anew = finite[1:][falls] <= finite[:-1][falls] / 10
    return rises >= _FEWEST_RISES and bool(begins_anew.all()) and int(falls.sum()) <= rises / 10


def _spelt_otherwise(period: Period) -> Iterator[str]:
    meanings: dict[str, str] = {}
    for part in period.metrics:
        for code in np.unique(part.current.criticity).tolist():
            name = part.current.criticity_names[code]
            meant = _MEANT.get(_plain(name))
            if meant is not None and meant != name:
                meanings[" ".join(name.split())[:24]] = meant
    if meanings:
        words = [_("{word} (parece {meant})", word=word, meant=meanings[word]) for word in sorted(meanings)]
        pairs = i18n.listed(words)
        yield _("Criticidades escritas de outro modo: {pairs}; cada uma conta como palavra à parte.", pairs=pairs)


def _plain(name: str) -> str:
    """The word in small letters, without accents and blanks around it."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).strip()


def _in_another_zone(period: Period) -> Iterator[str]:
    """Samples stored whole quarters of an hour before or after the time that they carry."""
    by_distance: dict[int, list[str]] = {}
    for part in period.metrics:
        typical = part.arrivals.typical_seconds if part.arrivals else 0.0
        distance = round(typical / _QUARTER_SECONDS) * _QUARTER_SECONDS
        if abs(distance) > _QUARTER_SECONDS and abs(typical - distance) <= _OFF_SECONDS:
            by_distance.setdefault(distance, []).append(part.label)
    for distance, labels in by_distance.items():
        text = _AHEAD if distance < 0 else _BEHIND
        yield _(text, labels=i18n.listed(labels), length=i18n.duration(abs(distance)))
