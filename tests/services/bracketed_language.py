"""A language that nobody speaks, which shows what no catalogue reaches: every message in brackets, its facts outside them.

`_("{share} do período", share=...)` comes out as `8%⟦ do período⟧`: whatever stands outside brackets was never translated.
"""

from __future__ import annotations

import gettext
import re

from babel import Locale

from pycemaker.i18n.language import Language

_LETTERS = re.compile(r"[^\W\d_]+")
_INSIDE = re.compile(r"⟦[^⟧]*(?:⟧|$)")  # a headline may be cut within them
_NAMES = {"Pycemaker", "P", "America", "Sao", "Paulo", "New", "York", "UTC", "p", "x"}
_SYMBOLS = {"h", "min", "s", "ms", "E"}
_OF_BABEL = {"and", "Brasilia", "Eastern", "Time"}
_OF_COLLECTORS = {"REGULAR", "regular"}  # told as they are written, and as they should be


class Bracketed(gettext.NullTranslations):
    """Puts brackets around what a translator would write; dates come as 2022-04-10, in no language's order.

    `asked` has every message that was asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def gettext(self, message: str) -> str:
        self.asked.add(message)
        return "".join(
            piece if piece.startswith("{") or not _LETTERS.search(piece) else f"⟦{piece}⟧"
            for piece in re.split(r"(\{\w*\})", message)
        )

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        self.asked.add(msgid1)
        return self.gettext(msgid1 if n == 1 else msgid2)

    def pgettext(self, context: str, message: str) -> str:
        assert context == "date", "a new context: say here what it looks like in brackets"
        self.asked.add(message)
        return "yyyy-MM-dd HH:mm:ss"


def bracketed() -> Language:
    """That language, which has been asked for nothing yet."""
    return Language("en-x-bracketed", Locale.parse("en"), Bracketed())


def untranslated(text: str) -> list[str]:
    """The words of a text that stand in no brackets, and dates in the source's own order."""
    outside = _INSIDE.sub(" ", text)
    words = [word for word in _LETTERS.findall(outside) if word not in _NAMES | _SYMBOLS | _OF_BABEL | _OF_COLLECTORS]
    return words + re.findall(r"\d\d/\d\d", outside)
