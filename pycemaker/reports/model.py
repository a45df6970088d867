"""The report's values on their way, from the request to the delivery; and the interfaces of its stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol

from pycemaker.reports.attachments.kinds import Attachment, AttachmentResult
from pycemaker.window import Window, to_iso_text

OnProgress = Callable[[str, int, int], None]
"""Called with the stage, how much of it is done, and out of how much."""


@dataclass(frozen=True)
class ReportRequest:
    """What is asked for, checked already.

    Attributes:
        report_id: unguessable, safe as a file name.
        notebook: the notebook to run.
        window: the interval, and the one before it.
        recipients: whom to mail, one or more.
        parameters: the notebook's own parameters, beyond the window.
        attach: what is to travel with it, of `attachments.kinds.KINDS`.
        date_text: the window's end in the words of the request.
        request_id: which request asked for it.
    """

    report_id: str
    notebook: Path
    window: Window
    recipients: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    attach: tuple[str, ...] = ()
    date_text: str = "now"
    request_id: str = ""

    @property
    def papermill_parameters(self) -> dict[str, Any]:
        """The values that override the notebook's parameters cell: the window's and `parameters`."""
        return {"date_now": to_iso_text(self.window.end_utc), "time_range": self.window.hours, **self.parameters}


@dataclass(frozen=True)
class Figure:
    """A picture of the report: its file name, its PNG bytes, and the sentence that stands for it."""

    name: str
    png: bytes
    alt: str


@dataclass(frozen=True)
class Page:
    """The rendered report.

    Attributes:
        subject: one line.
        html: the whole mail body; each figure's `src` is `figure:<name>`.
        text: the same for a reader without HTML.
        figures: of the page, in the order in which they stand there; those of the mail are among them.
        full_html: the same report for a browser, whole; figures are pointed to likewise.
        data_digest: stands for the samples that it was made of; empty where the notebook does not say.
        left_out: what cells show and readers do not see, a line in English each.
        cells: what each cell shows, by its number: text or HTML.
    """

    subject: str
    html: str
    text: str
    figures: tuple[Figure, ...]
    full_html: str = ""
    data_digest: str = ""
    left_out: tuple[str, ...] = ()
    cells: tuple[tuple[int, str], ...] = ()

    @property
    def mailed_figures(self) -> tuple[Figure, ...]:
        """Those that the mail shows."""
        return tuple(figure for figure in self.figures if f"figure:{figure.name}" in self.html)


@dataclass(frozen=True)
class Delivery:
    """Where the message went.

    Attributes:
        via: `smtp`, or `outbox` where no mail is set up.
        reply: the mail server's own words on acceptance; the file's name for the outbox.
    """

    via: str
    reply: str


class RunNotebook(Protocol):
    """Executes a notebook. Raises NotebookFailed, with what ran so far saved in `executed`."""

    def __call__(
        self, notebook: Path, parameters: Mapping[str, Any], executed: Path, on_cell: Callable[[int, int], None]
    ) -> None:
        """Run `notebook` with `parameters`, save it in `executed`, call `on_cell(done, total)` as cells end."""


class RenderPage(Protocol):
    """Makes the page out of an executed notebook. Raises NothingToSend."""

    def __call__(self, executed: Path, window: Window, report_id: str, notes: Sequence[str] = ()) -> Page:
        """The page of the executed notebook; `notes` are sentences for the mail's foot."""


class StoreFigures(Protocol):
    """Puts figures where a mail client can fetch them. Raises StorageRefused."""

    def __call__(self, report_id: str, figures: tuple[Figure, ...]) -> dict[str, str]:
        """A lasting URL for each figure, by name."""


class BuildAttachments(Protocol):
    """Makes what travels with a report. Raises DatabaseUnreachable."""

    def __call__(self, kinds: Sequence[str], window: Window, page: Page) -> AttachmentResult:
        """What of these kinds could be made, and fits into the page's message."""


class Compose(Protocol):
    """Makes the message."""

    def __call__(
        self, page: Page, email_to: str, urls: Mapping[str, str] | None, attachments: Sequence[Attachment] = ()
    ) -> EmailMessage:
        """One MIME message; figures inside it (Content-ID) where `urls` is None; the attachments beside it."""


class CheckMessage(Protocol):
    """Looks at the message before it leaves. Raises ReportUnfit."""

    def __call__(self, message: EmailMessage, page: Page) -> None:
        """Let it pass."""


class Send(Protocol):
    """Hands a message over. Raises MailRefused."""

    def __call__(self, content: bytes, email_to: str, on_leaving: Callable[[], None]) -> Delivery:
        """What became of it. `on_leaving` is called right before it may count as given; what it raises stops it."""


@dataclass(frozen=True)
class Collaborators:
    """Who does each stage. `store_figures` None means that figures travel inside the mail."""

    run_notebook: RunNotebook
    render_page: RenderPage
    store_figures: StoreFigures | None
    attach: BuildAttachments
    compose: Compose
    check_message: CheckMessage
