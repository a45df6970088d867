"""File names of a report's figures: safe and unique."""

import re
import unicodedata

from pycemaker.i18n.language import _


class FigureNames:
    """Assigns file names to figures."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    @property
    def count(self) -> int:
        """The number of names assigned."""
        return len(self._taken)

    def assign(self, wanted: str) -> str:
        """The wanted name, made safe, with a number where it is taken."""
        plain = unicodedata.normalize("NFKD", wanted.lower().removesuffix(".png")).encode("ascii", "ignore").decode()
        stem = re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-")[:60] or _("figura-{number}", number=self.count + 1)
        name, turn = f"{stem}.png", 2
        while name in self._taken:
            name, turn = f"{stem}-{turn}.png", turn + 1
        self._taken.add(name)
        return name
