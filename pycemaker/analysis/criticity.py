"""The criticity words of the collectors as readers see them: label, colour, badness."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pycemaker import brand
from pycemaker.i18n.language import N_, _

MOST_CRITICITIES = 8  # The most words that are shown; the others are one part together


@dataclass(frozen=True)
class Criticity:
    """One criticity word.

    Attributes:
        label: what readers see, in their language; the word itself, cut to 24 characters, where it is not a known one.
        badness: higher is worse.
    """

    name: str
    label: str
    badness: int

    @property
    def color(self) -> str:
        """The brand's colour of its part in figures and tables, `#rrggbb`."""
        return brand.load().criticity(self.name or "others")


_KNOWN = {
    "unknown": (N_("desconhecida"), 0),
    "low": (N_("baixa"), 2),
    "regular": (N_("regular"), 3),
    "medium": (N_("moderada"), 4),
    "high": (N_("alta"), 5),
    "critical": (N_("crítica"), 6),
}
"""Of each known word its label and badness."""

_SPARE_BADNESS = 1


def criticity(name: str) -> Criticity:
    """The criticity of that name. An unknown word keeps its spelling and gets one spare colour."""
    if name not in _KNOWN:
        return Criticity(name, " ".join(name.split())[:24], _SPARE_BADNESS)
    label, badness = _KNOWN[name]
    return Criticity(name, _(label), badness)


def leading(shares: Mapping[str, float], most: int) -> list[tuple[Criticity, float]]:
    """The `most` largest shares, from the least bad to the worst, and after them all others together as `outras`."""
    ranked = sorted(shares, key=lambda name: (-shares[name], name))
    parts = [(word, shares[word.name]) for word in by_badness(ranked[:most])]
    if len(ranked) > most:
        parts.append((Criticity("", _("outras"), 0), sum(shares[name] for name in ranked[most:])))
    return parts


def by_badness(names: Iterable[str]) -> list[Criticity]:
    """The words from the least bad to the worst; equally bad ones in alphabetical order."""
    return sorted((criticity(name) for name in names), key=lambda word: (word.badness, word.name))
