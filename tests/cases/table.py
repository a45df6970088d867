"""One row of the table of cases, and the table as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One input.

    Attributes:
        input: what was given, on one line.
        expected: what should come of it, in words.
        seen: what came of it, in the same words where it is right.
    """

    input: str
    expected: str
    seen: str

    @property
    def is_right(self) -> bool:
        """True if the result is the expected one."""
        return self.seen == self.expected


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """The table, a line as soon as its row is there, and how many rows are right."""
    right = count = 0
    yield "| | input | expected | seen |"
    yield "|---|---|---|---|"
    for row in rows:
        count += 1
        right += row.is_right
        cells = ("ok" if row.is_right else "WRONG", row.input, row.expected, row.seen)
        yield "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"
    yield f"\n{right} of {count} right"
