"""The language of a report's readers. Brazilian Portuguese stands in the source; others are catalogues beside it.

A text for readers is marked where it stands, and becomes theirs when it is asked for:

    _("{share} do período", share=share)               a message; its facts are put in after it was translated
    ngettext("{days} dia", "{days} dias", n, days=n)   one that differs by number
    pgettext("date", "dd/MM/yyyy")                     one that means something only in a context: a date's CLDR pattern
    N_("Consumo de CPU")                               marked here, translated elsewhere by _()

A process speaks one language: `speak` sets it, from `REPORT_LANGUAGE`, where a kernel reads its period; `speaking`
speaks another for as long as a block lasts. `make messages` brings the catalogues up to date with the source, and a
test fails where one is not. A catalogue is gettext's (.po), compiled in memory once a process, the first time that it
is spoken: so there is no .mo that could be older than what was translated.
"""

import gettext
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel import Locale

DEFAULT = "pt-BR"
LANGUAGES = (DEFAULT, "en")
"""BCP 47 tags of what `REPORT_LANGUAGE` takes; each but the first has a catalogue."""

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Language:
    """A language that reports are written in.

    Attributes:
        tag: BCP 47, for `lang` and Content-Language.
        catalogue: what the messages of the source are in it; one that it lacks stays as it is.
    """

    tag: str
    locale: Locale
    catalogue: gettext.NullTranslations


@cache
def find_language(tag: str) -> Language:
    """One of `LANGUAGES`. Reads its catalogue (some 20 ms) the first time.

    Raises:
        KeyError: there is none of that tag.
    """
    if tag not in LANGUAGES:
        raise KeyError(tag)
    catalogue = gettext.NullTranslations() if tag == DEFAULT else _compiled(FOLDER / f"{tag}.po")
    return Language(tag, Locale.parse(tag, sep="-"), catalogue)


def _compiled(file: Path) -> gettext.NullTranslations:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = io.BytesIO()
    with file.open("rb") as lines:
        write_mo(compiled, read_po(lines))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


_of_process = DEFAULT
_of_block: ContextVar[Language | None] = ContextVar("language", default=None)


def speak(tag: str) -> None:
    """Let this process speak one of `LANGUAGES`, in all its threads, from now on."""
    global _of_process  # a process has one language, as it has one zone
    _of_process = find_language(tag).tag


@contextmanager
def speaking(language: str | Language) -> Iterator[Language]:
    """Speak another language within this block and this thread: one of `LANGUAGES`, or one of a test's own."""
    spoken = find_language(language) if isinstance(language, str) else language
    token = _of_block.set(spoken)
    try:
        yield spoken
    finally:
        _of_block.reset(token)


def spoken() -> Language:
    """The language spoken now."""
    return _of_block.get() or find_language(_of_process)


def _(message: str, /, **facts: object) -> str:
    """The message in the language spoken, with its facts put in. An empty one stays empty."""
    text = spoken().catalogue.gettext(message) if message else ""
    return text.format(**facts) if facts else text


def ngettext(one: str, many: str, count: int, /, **facts: object) -> str:
    """The message for that many, with its facts put in."""
    text = spoken().catalogue.ngettext(one, many, count)
    return text.format(**facts) if facts else text


def pgettext(context: str, message: str, /) -> str:
    """The message as it is meant in that context."""
    return spoken().catalogue.pgettext(context, message)


def N_(message: str, /) -> str:  # noqa: N802 - gettext's own name for it
    """The message as it is: marked for the catalogues, and translated where it is used."""
    return message
