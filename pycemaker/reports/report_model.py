"""Values of the report pipeline, from the request to the delivery, and the interfaces of its stages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from pycemaker.reports.attachments.kinds import Attachment, AttachmentResult
from pycemaker.window import Window, to_iso_text

OnProgress = Callable[[str, int, int], None]
"""Called with the stage, the steps done, and the steps in all."""


@dataclass(frozen=True)
class ReportRequest:
    """A checked request for a report.

    Attributes:
        report_id: unguessable, safe as a file name.
        recipients: addresses, one or more.
        parameters: the notebook's own parameters, beyond the window.
        attach: kinds of attachments, of `attachments.kinds.KINDS`.
        date_text: the window's end as the request states it.
        request_id: the id of the HTTP request.
        application: whose samples it is about; the empty text is the default application.
        schedule: the schedule that wants it, by `id` and `name`, and the instant `at`; None for a caller's request.
        only_if: `always`, or the findings without which nothing is mailed: `finding`, `critical`.
        notes: sentences for the mail's foot.
    """

    report_id: str
    notebook: Path
    window: Window
    recipients: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    attach: tuple[str, ...] = ()
    date_text: str = "now"
    request_id: str = ""
    application: str = ""
    schedule: Mapping[str, Any] | None = None
    only_if: str = "always"
    notes: tuple[str, ...] = ()

    @property
    def papermill_parameters(self) -> dict[str, Any]:
        """The values that override the notebook's parameters cell: the window's, the application and `parameters`."""
        named = {"application": self.application} if self.application else {}
        return {
            "date_now": to_iso_text(self.window.end_utc),
            "time_range": self.window.hours,
            **named,
            **self.parameters,
        }


@dataclass(frozen=True)
class Figure:
    """A picture of the report: file name, PNG bytes, alternative text."""

    name: str
    png: bytes
    alt: str


@dataclass(frozen=True)
class Page:
    """The rendered report.

    Attributes:
        html: the mail's HTML; each figure's `src` is `figure:<name>`.
        figures: the page's figures in order; the mail's are among them.
        full_html: the whole page for a browser; figures as in `html`.
        data_digest: a digest of the samples; empty where the notebook states none.
        left_out: outputs that readers do not see, a line in English each.
        cells: text or HTML of each cell, with its number.
        remarks: what readers see and its author may not have meant, a line in English each.
        severity: that of the worst finding, 1 to 3; 0 without one. None where the notebook states none.
    """

    subject: str
    html: str
    text: str
    figures: tuple[Figure, ...]
    full_html: str = ""
    data_digest: str = ""
    left_out: tuple[str, ...] = ()
    cells: tuple[tuple[int, str], ...] = ()
    remarks: tuple[str, ...] = ()
    severity: int | None = None

    @property
    def mailed_figures(self) -> tuple[Figure, ...]:
        """The figures that the mail shows."""
        return tuple(figure for figure in self.figures if f"figure:{figure.name}" in self.html)


@dataclass(frozen=True)
class Delivery:
    """The acceptance of a message.

    Attributes:
        via: `smtp`, or `outbox` without a mail account.
        reply: the mail server's reply; for the outbox the file's name.
    """

    via: str
    reply: str


Send = Callable[[bytes, str, Callable[[], None]], Delivery]
"""Sends a message to an address; its acceptance. The function is called right before the message is complete, and its
exceptions stop it. Raises MailRefused."""

RunNotebook = Callable[[Path, Mapping[str, Any], Path, Callable[[int, int], None]], None]
"""Runs a notebook with parameters and saves it in the second path; the function is called with the cells that have run
and all, as each ends. Raises NotebookFailed, with what ran so far saved."""

StoreFigures = Callable[[str, tuple[Figure, ...]], dict[str, str]]
"""Uploads a report's figures to where mail programs fetch them; lasting URLs by their names. Raises StorageRefused."""


@dataclass(frozen=True)
class Collaborators:
    """The callables of the stages.

    Attributes:
        render_page: the page of an executed notebook, with sentences for the mail's foot. Raises NothingToSend.
        store_figures: None where figures are inside the mail.
        attach: the attachments of the request's kinds that could be made and fit. Raises DatabaseUnreachable.
        compose: one MIME message to an address, by the figures' URLs; figures are inside it (Content-ID) without these.
        check_message: returns where the message may be sent. Raises ReportUnfit.
    """

    run_notebook: RunNotebook
    render_page: Callable[[Path, ReportRequest, Sequence[str]], Page]
    store_figures: StoreFigures | None
    attach: Callable[[ReportRequest, Page], AttachmentResult]
    compose: Callable[[Page, str, Mapping[str, str] | None, Sequence[Attachment]], EmailMessage]
    check_message: Callable[[EmailMessage, Page], None]
