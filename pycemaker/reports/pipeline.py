"""A report up to the message: notebook, page, figures, mail. It takes its collaborators as arguments.

Everything made on the way is kept on a `Shelf` as soon as it exists, so that a failure leaves what came before it.
Nothing is sent from here: a message is handed over by whoever can write down beforehand that it is about to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol

from pycemaker.errors import PycemakerError, RunnerFailed, StorageRefused
from pycemaker.reports.attachments.kinds import Attached, Attachment
from pycemaker.reports.workspace import Shelf
from pycemaker.window import Window, to_iso_text

STAGES = ("notebook", "render", "storage", "attachments", "compose", "mail")
"""The stages in their order, as progress and errors name them; `attachments` only where some are asked for."""

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
        more: the notebook's own parameters, beyond the window.
        attach: what is to travel with it, of `attachments.kinds.KINDS`.
        date_text: the window's end in the words of the request.
        request_id: which request asked for it.
    """

    report_id: str
    notebook: Path
    window: Window
    recipients: tuple[str, ...]
    more: Mapping[str, Any] = field(default_factory=dict)
    attach: tuple[str, ...] = ()
    date_text: str = "now"
    request_id: str = ""

    @property
    def parameters(self) -> dict[str, Any]:
        """What the notebook's parameters cell is overridden with."""
        return {"date_now": to_iso_text(self.window.end_utc), "time_range": self.window.hours, **self.more}


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


class Attach(Protocol):
    """Makes what travels with a report. Raises DatabaseUnreachable."""

    def __call__(self, kinds: Sequence[str], window: Window, page: Page) -> Attached:
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
    attach: Attach
    compose: Compose
    check_message: CheckMessage


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Name the stage in which a library fails.

    Raises:
        RunnerFailed: in the place of what is no error of this project's own.
    """
    try:
        yield
    except PycemakerError:
        raise
    except Exception as error:
        raise RunnerFailed(stage=name, reason=f"{type(error).__name__}: {error}"[:200]) from error


def make_report(
    request: ReportRequest, collaborators: Collaborators, shelf: Shelf, on_progress: OnProgress
) -> dict[str, Any]:
    """Make one report, up to the message that may leave; all of it is on the shelf then.

    A storage that refuses is no failure: the figures travel inside the mail.

    Returns:
        What the ledger keeps of it: `subject`, `data_digest`, `figures` (names), `figures_in` (`mail` or `storage`),
        `figure_urls`, `storage_problem` where there was one, `message_bytes`, `attachments`, `attachments_missing`
        (why, by kind), `left_out` (what readers do not see, a line each), `stage_seconds`.

    Raises:
        NotebookFailed, NothingToSend, ReportUnfit: what was made until then is on the shelf.
    """

    def on_cell(done: int, total: int) -> None:
        on_progress("notebook", done, total)

    shelf.enter("notebook")
    on_progress("notebook", 0, 1)
    collaborators.run_notebook(request.notebook, request.parameters, shelf.executed_path, on_cell)

    shelf.enter("render")
    on_progress("render", 0, 1)
    with stage("render"):
        page = collaborators.render_page(shelf.executed_path, request.window, request.report_id)
    shelf.keep_page(page)

    shelf.enter("storage")
    on_progress("storage", 0, len(page.figures))
    urls, problem = _store(collaborators.store_figures, request.report_id, page.mailed_figures)

    attached = Attached()
    if request.attach:
        shelf.enter("attachments")
        on_progress("attachments", 0, 1)
        with stage("attachments"):
            attached = collaborators.attach(request.attach, request.window, page)
        if attached.notes:
            page = collaborators.render_page(shelf.executed_path, request.window, request.report_id, attached.notes)

    shelf.enter("compose")
    on_progress("compose", 0, 1)
    with stage("compose"):
        message = collaborators.compose(page, request.recipients[0], urls, attached.files)
    content = shelf.keep_message(message)
    collaborators.check_message(message, page)
    shelf.enter("")
    return {
        "subject": page.subject,
        "data_digest": page.data_digest,
        "figures": [figure.name for figure in page.figures],
        "figures_in": "mail" if urls is None else "storage",
        "figure_urls": urls or {},
        "message_bytes": len(content),
        "stage_seconds": shelf.stage_seconds,
    } | _told(request, page, attached, problem)


def _told(request: ReportRequest, page: Page, attached: Attached, storage_problem: str) -> dict[str, Any]:
    """What there is to say only of some reports."""
    told: dict[str, Any] = {"storage_problem": storage_problem} if storage_problem else {}
    if page.left_out:
        told["left_out"] = list(page.left_out)
    if request.attach:
        told["attachments"] = [{"kind": e.kind, "name": e.name, "bytes": len(e.content)} for e in attached.files]
        told["attachments_missing"] = attached.missing
    return told


def _store(
    store_figures: StoreFigures | None, report_id: str, figures: tuple[Figure, ...]
) -> tuple[dict[str, str] | None, str]:
    """Where the figures are, and why they are not where they should be."""
    if store_figures is None or not figures:
        return None, ""
    try:
        return store_figures(report_id, figures), ""
    except StorageRefused as error:
        return None, str(error)
