"""Lint of a message before it is sent: limits of mail programs, and secrets and paths that must not leave. Pure.

No mail program runs scripts or shows frames and forms safely; Outlook's Word engine knows neither CSS variables nor
positions; Gmail shows no `data:` picture. The largest sizes are those of `mail_size`.
"""

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

from pycemaker.errors import ReportUnfit
from pycemaker.presentation.mail_width import MAIL_WIDTH
from pycemaker.reports.attachments.kinds import FILES
from pycemaker.reports.mail_size import HTML_BYTES, MESSAGE_BYTES, STYLE_CHARACTERS
from pycemaker.reports.markup_facts import MarkupReader

_ONCE = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")
_TAGS = {"script", "iframe", "frame", "object", "embed", "form", "input", "button", "link", "base", "svg"}
_TAGS |= {"video", "audio"}
_STYLES = {
    "css-variable": r"var\s*\(|(?<![\w-])--[a-z][\w-]*\s*:",
    "css-position": r"(?<![\w-])position\s*:",
    "css-import": r"@import",
    "css-url": r"url\s*\(",
    "css-expression": r"expression\s*\(|behavior\s*:",
}
_MARKUP = re.compile(r"</?(?:html|head|body|table|t[rdh]|div|span|p|br|img|style|a)\b[^>]*>", re.IGNORECASE)
_HOSTED = re.compile(r"https://|http://(?:127\.0\.0\.1|localhost)(?::\d+)?/")
"""URLs of pictures: the storage, or its emulator on this machine, which has no TLS."""
_ATTACHED = {media_type: f".{name.rpartition('.')[2]}" for name, media_type in FILES.values()}
"""Media types of attachments, and how their files' names end."""
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,79}", re.ASCII)
_INJECTED = re.compile(r"injected-parameters|papermill-error|^# Parameters$", re.MULTILINE)
_QUOTED_CHARACTERS = 80
_SHORTEST_SECRET = 6
_SHORTEST_SPREAD = 12
"""The shortest secret that is looked for across tags: a table's numbers in a row contain any short one."""
_DATE = re.compile(r"\d{2}/\d{2}/\d{4}|[A-Z][a-z]{2} \d{1,2}, \d{4}")
"""A date in the languages of the reports: 10/04/2022, Apr 10, 2022."""
_BLANKS = re.compile(r"\s+")
_ANY_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Flaw:
    """A broken rule.

    Attributes:
        rule: its name, as in `html-size`.
        message: the problem and its remedy, in English, without the secret or the path itself.
    """

    rule: str
    message: str


@dataclass(frozen=True)
class ForbiddenTexts:
    """Texts that must not be in a report.

    Attributes:
        secrets: values; those under six characters are ignored, being likely to occur by chance.
        paths: absolute folders of this machine.
    """

    secrets: Sequence[str] = ()
    paths: Sequence[str] = ()


Cells = Sequence[tuple[int, str]]
"""The text or HTML that each cell shows, with its number."""


def check(message: EmailMessage, full_html: str, forbidden: ForbiddenTexts, cells: Cells = ()) -> None:
    """Return where the message may be sent. Raises ReportUnfit: with every flaw."""
    if problems := flaws(message, full_html, forbidden, cells):
        raise ReportUnfit(findings=[f"{flaw.rule}: {flaw.message}" for flaw in problems])


def flaws(
    message: EmailMessage, full_html: str = "", forbidden: ForbiddenTexts = ForbiddenTexts(), cells: Cells = ()
) -> list[Flaw]:
    """A message's flaws, in a fixed order; empty where it may be sent.

    Args:
        message: as it would be sent.
        full_html: the page for a browser of the same report.
        forbidden: texts that must not be in either.
        cells: what each cell shows, to name the one at fault.
    """
    markup, text = _body(message, "html"), _body(message, "plain")
    page = MarkupReader.read(markup)
    return [
        *_head_flaws(message),
        *_size_flaws(message, markup),
        *_construct_flaws(page),
        *_picture_flaws(page, message),
        *_attachment_flaws(message),
        *_text_flaws(text),
        *_leaks(
            {"the HTML": markup, "the text": text, "the subject": str(message["Subject"]), "the page": full_html},
            forbidden,
            cells,
        ),
        *(Flaw("page-script", f"the page has a <{tag}>") for tag in MarkupReader.read(full_html).tags & _TAGS),
    ]


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def _head_flaws(message: EmailMessage) -> Iterator[Flaw]:
    for name in _ONCE:
        count = len(message.get_all(name, []))
        if count != 1:
            yield Flaw("header", f"{count} {name} headers")
    if not re.fullmatch(r"<[^<>@\s]{12,}@[^<>@\s]+>", str(message["Message-ID"]).strip()):
        yield Flaw("message-id", "the Message-ID is not a unique one")
    subject = str(message["Subject"])
    if not _DATE.search(subject):
        yield Flaw("subject", "the subject has no date")
    if any(not character.isprintable() for character in subject):
        yield Flaw("subject", "the subject has a control character")


def _size_flaws(message: EmailMessage, markup: str) -> Iterator[Flaw]:
    sizes = {
        "html-size": (len(markup.encode("utf-8", "replace")), HTML_BYTES, "bytes of HTML"),
        "style-size": (
            sum(map(len, re.findall(r"(?s)<style[^>]*>(.*?)</style>", markup))),
            STYLE_CHARACTERS,
            "characters of style",
        ),
        "message-size": (len(message.as_bytes(policy=SMTP)), MESSAGE_BYTES - 1, "bytes in all"),
    }
    for rule, (size, limit, unit) in sizes.items():
        if size > limit:
            yield Flaw(rule, f"{size} {unit}, {limit} at most")
    if not markup.strip():
        yield Flaw("html-missing", "there is no HTML part")


def _attachment_flaws(message: EmailMessage) -> Iterator[Flaw]:
    """Attachments that are of no kind made here, without a plain name of that kind, or empty."""
    for number, part in enumerate(message.iter_attachments(), 1):
        ending = _ATTACHED.get(part.get_content_type())
        name = part.get_filename() or ""
        if ending is None:
            yield Flaw("attachment-type", f"attachment {number} is {part.get_content_type()}")
        elif not (_FILE_NAME.fullmatch(name) and name.endswith(ending)):
            yield Flaw("attachment-name", f"attachment {number} has no plain name that ends in {ending}")
        if not part.get_payload():
            yield Flaw("attachment-empty", f"attachment {number} holds nothing")


def _construct_flaws(page: MarkupReader) -> Iterator[Flaw]:
    for tag in sorted(page.tags & _TAGS):
        yield Flaw("forbidden-tag", f"<{tag}>")
    if page.refreshes:
        yield Flaw("forbidden-tag", "<meta http-equiv=refresh>")
    for name in sorted(page.handlers):
        yield Flaw("event-handler", name)
    for scheme in sorted(page.schemes & {"javascript", "data", "vbscript", "file"}):
        yield Flaw("forbidden-url", f"a {scheme}: URL")
    for rule, pattern in _STYLES.items():
        if re.search(pattern, page.styles, re.IGNORECASE):
            yield Flaw(rule, "in a style")


def _picture_flaws(page: MarkupReader, message: EmailMessage) -> Iterator[Flaw]:
    inside = {str(part["Content-ID"]).strip("<> ") for part in message.walk() if part["Content-ID"]}
    for number, picture in enumerate(page.pictures, 1):
        source = picture.get("src") or ""
        if not (_HOSTED.match(source) or (source.startswith("cid:") and source[4:] in inside)):
            yield Flaw("picture-source", f"picture {number} cannot be fetched")
        if not (picture.get("alt") or "").strip():
            yield Flaw("picture-alt", f"picture {number} has no alternative text")
        width = picture.get("width") or ""
        if not (re.fullmatch(r"[0-9]{1,4}", width) and 1 <= int(width) <= MAIL_WIDTH):
            yield Flaw("picture-width", f"picture {number} has no width of 1 to {MAIL_WIDTH}")


def _text_flaws(text: str) -> Iterator[Flaw]:
    if not text.strip():
        yield Flaw("text-missing", "there is no text part")
    elif _MARKUP.search(text):
        yield Flaw("text-markup", "the text part has HTML in it")


def _leaks(texts: Mapping[str, str], forbidden: ForbiddenTexts, cells: Cells) -> Iterator[Flaw]:
    """Forbidden texts, searched as they stand, unescaped, without blanks (a key has line breaks) and without tags."""
    secrets = [_BLANKS.sub("", secret) for secret in forbidden.secrets if len(secret) >= _SHORTEST_SECRET]
    paths = [_path_pattern(path) for path in forbidden.paths if len(path.strip("/\\")) > 0]

    def has_secret(written: str) -> bool:
        dense, spread = (
            _BLANKS.sub("", html.unescape(written)),
            _BLANKS.sub("", html.unescape(_ANY_TAG.sub("", written))),
        )
        return any(secret in dense or (len(secret) >= _SHORTEST_SPREAD and secret in spread) for secret in secrets)

    def has_path(written: str) -> bool:
        return any(path.search(html.unescape(written)) for path in paths)

    for where, written in texts.items():
        if has_secret(written):
            problem = f"a secret stands in {where}{_cells_with(has_secret, cells)}"
            yield Flaw("secret", f"{problem}: do not print or show it; what cells show is kept and mailed")
        if has_path(written):
            problem = f"a path of this machine stands in {where}{_cells_with(has_path, cells, paths)}"
            yield Flaw("path", f"{problem}: show the file's name alone (Path(...).name)")
        if _INJECTED.search(_ANY_TAG.sub("\n", html.unescape(written))) or "injected-parameters" in written:
            problem = f"papermill's own cell stands in {where}"
            yield Flaw(
                "parameters", f"{problem}: keep the tag `injected-parameters` on it, and print none of its source"
            )


def _cells_with(has: Callable[[str], bool], cells: Cells, hidden: Sequence[re.Pattern[str]] = ()) -> str:
    """The numbers of the cells that show it, and for a path the line, with the path starred."""
    matching = [(number, shown) for number, shown in cells if has(shown)]
    if not matching:
        return ""
    numbers = ", ".join(str(number) for number in dict.fromkeys(number for number, _ in matching))
    lines = html.unescape(_ANY_TAG.sub("\n", matching[0][1])).splitlines()
    line = next((line for line in lines if any(path.search(line) for path in hidden)), "")
    for path in hidden:
        line = path.sub("***", line)
    quoted = f" ({line.strip()[:_QUOTED_CHARACTERS]!r})" if line else ""
    return f", from cell {numbers}{quoted}"


def _path_pattern(path: str) -> re.Pattern[str]:
    """A pattern for the folder as a whole path; one of a single step, such as `/app`, only with a path below it."""
    below = r"(?=[/\\]\w)" if len(re.split(r"[/\\]+", path.strip("/\\"))) < 2 else r"(?![\w-])"
    return re.compile(rf"(?<![\w./\\-]){re.escape(path)}{below}")
