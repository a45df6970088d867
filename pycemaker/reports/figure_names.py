"""File names of a report's figures."""

from __future__ import annotations

import re
import unicodedata

from pycemaker.i18n.language import _


class FigureNames:
    """File names of figures, safe and each of them once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    @property
    def count(self) -> int:
        """How many were taken."""
        return len(self._taken)

    def take(self, wanted: str) -> str:
        """The wanted name where it is free, else one like it."""
        plain = unicodedata.normalize("NFKD", wanted.lower().removesuffix(".png")).encode("ascii", "ignore").decode()
        stem = re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-")[:60] or _("figura-{number}", number=self.count + 1)
        name, turn = f"{stem}.png", 2
        while name in self._taken:
            name, turn = f"{stem}-{turn}.png", turn + 1
        self._taken.add(name)
        return name
