"""Names that were probably meant, by their distance in letters (Damerau and Levenshtein, optimal string alignment)."""

from __future__ import annotations

from collections.abc import Iterable

_SHORTEST = 6
"""Shorter names are a letter away from too many words."""

_LETTERS_A_MISTAKE = 6


def near_name(name: str, known: Iterable[str]) -> str | None:
    """The known name that this one is probably meant to be, whatever its case; None where it is like none of them.

    One mistake for each six letters is allowed: a letter that is missing, doubled, wrong or in its neighbour's place.
    """
    text = name.upper().replace("-", "_")
    distances = {each: _distance(text, each) for each in known}
    nearest = min(distances, key=distances.__getitem__, default="")
    allowed = len(nearest) // _LETTERS_A_MISTAKE if len(text) >= _SHORTEST else 0
    return nearest if distances and distances[nearest] <= allowed else None


def _distance(first: str, second: str) -> int:
    """The fewest letters to insert, delete, replace or swap with their neighbour."""
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first):
        above, row = row, [i + 1]
        for j, other in enumerate(second):
            row.append(min(above[j] + (letter != other), above[j + 1] + 1, row[j] + 1))
            if i and j and (letter, first[i - 1]) == (second[j - 1], other):
                row[-1] = min(row[-1], before[j - 1] + 1)
        before = above
    return row[-1]
