"""Assembles a report's attachments within the size limit of a message.

Samples that do not fit are aggregated to coarser lines (`sample_table.STEPS_SECONDS`), and the mail says where the rest
is. An attachment that cannot be made is named in the mail and in the record; the report is sent without it.
"""

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from pycemaker import i18n
from pycemaker.analysis.metric_summary import summarize_metric
from pycemaker.analysis.rates import in_rates
from pycemaker.i18n.language import _
from pycemaker.metrics import METRICS, Metric
from pycemaker.parsing.route_paths import application_path
from pycemaker.reports.attachments.csv_archive import CsvArchive
from pycemaker.reports.attachments.kinds import FILES, KINDS, Attachment, AttachmentFailed, AttachmentResult
from pycemaker.reports.attachments.pdf import print_pdf
from pycemaker.reports.attachments.sample_table import STEPS_SECONDS, step_for, table
from pycemaker.reports.attachments.workbook import Workbook
from pycemaker.reports.mail_size import MESSAGE_BYTES
from pycemaker.reports.report_model import Page, ReportRequest
from pycemaker.series.period import MetricPeriod
from pycemaker.window import Window, to_iso_text

ReadMetric = Callable[[Metric, Window, str], MetricPeriod]
"""Reads the samples of an application's metric of a window. Raises DatabaseUnreachable."""

BASE64_RATIO = 78 / 57
"""Bytes of a message for each byte of an attachment: 57 bytes are a line of 76 characters and its end."""

MOST_LINES = {"csv": 1_700_000, "xlsx": 150_000}
"""Lines of all metrics together: some 12 MB of CSV, some five seconds for a workbook."""

_LABELS = {"csv": "CSV", "xlsx": "XLSX", "pdf": "PDF"}
_OTHERS_BYTES = 20_000
_LEAST_SECONDS = 1.0


@dataclass(frozen=True)
class AttachmentBuilder:
    """Makes the attachments of one report.

    Attributes:
        read_metric: reads one metric's samples, so that a month of all is never in memory.
        public_url: this API as readers reach it; None where it is not set.
        chromium: the program that prints PDFs; None for the one on PATH.
    """

    read_metric: ReadMetric
    zone: ZoneInfo
    public_url: str | None = None
    chromium: str | None = None

    def __call__(self, request: ReportRequest, page: Page) -> AttachmentResult:
        """The files of the request's kinds that fit into the message, and notes on what does not.

        The PDF, being small, comes first, then the workbook; CSV gets the room that is left.

        Raises:
            DatabaseUnreachable: MongoDB went away.
        """
        room, stem = room_bytes(page), file_stem(request.window, request.application)
        files: list[Attachment] = []
        notes: list[str] = []
        missing: dict[str, str] = {}
        for kind in sorted(request.attach, key=KINDS.index, reverse=True):
            try:
                content, step = self._content(kind, request, page, room)
            except AttachmentFailed as error:
                missing[kind] = str(error)
                sentence = _("O anexo em {kind} não pôde ser feito.", kind=_LABELS[kind])
                notes.insert(0, f"{sentence} {self._instead(kind, request)}")
            else:
                room -= len(content)
                name, media_type = FILES[kind]
                files.insert(0, Attachment(kind, f"{stem}-{name}", media_type, content))
                if step:
                    notes.insert(0, self._aggregated_note(kind, step, request))
        if files:
            names = i18n.listed([file.name for file in files])
            notes.insert(0, _("Anexado a este e-mail: {names}.", names=names))
        return AttachmentResult(tuple(files), tuple(notes), missing)

    def _content(self, kind: str, request: ReportRequest, page: Page, room: int) -> tuple[bytes, int]:
        """The file's bytes, and the seconds of each line; 0 for a line a sample, and for a PDF."""
        if kind == "pdf":
            content, step = print_pdf(page, self.chromium), 0
        else:
            content, step = self._samples(kind, request, room)
        if len(content) > room:
            raise AttachmentFailed(f"{len(content)} bytes, of which {max(0, room)} fit into the message")
        return content, step

    def _samples(self, kind: str, request: ReportRequest, room: int) -> tuple[bytes, int]:
        """The samples as this kind of file with the finest lines that fit, and the seconds of each line."""
        usual_seconds = self.read_metric(METRICS[0], request.window, request.application).cadence.step_ms / 1000
        finest = step_for(request.window.hours, len(METRICS), usual_seconds or _LEAST_SECONDS, MOST_LINES[kind])
        for step in STEPS_SECONDS[STEPS_SECONDS.index(finest) :]:
            content = self._write(kind, request, step)
            if len(content) <= room:
                break
        return content, step

    def _write(self, kind: str, request: ReportRequest, step: int) -> bytes:
        window = request.window
        with tempfile.TemporaryDirectory(prefix="pycemaker-") as folder:
            path = Path(folder) / "samples"
            title = f"{i18n.period(window, self.zone)} ({i18n.length(window.hours)})"
            sheets = CsvArchive(path) if kind == "csv" else Workbook(path, title, self.zone)
            for metric in METRICS:
                part = self.read_metric(metric, window, request.application)
                sheets.add(part, summarize_metric(in_rates(part)), table(part.current, step))
            sheets.close()
            return path.read_bytes()

    def _aggregated_note(self, kind: str, step: int, request: ReportRequest) -> str:
        length = i18n.duration(step)
        sentence = _("O anexo em {kind} traz uma linha para cada {length} (menor, média, maior), para caber no e-mail.",
                     kind=_LABELS[kind], length=length)  # fmt: skip
        return f"{sentence} {self._instead(kind, request)}"

    def _instead(self, kind: str, request: ReportRequest) -> str:
        """A sentence on where to get the rest."""
        if kind == "pdf":
            return _("A página completa pode ser impressa pelo navegador.")
        base = f"{self.public_url or ''}{application_path(request.application)}"
        window = request.window
        address = f"{base}/{METRICS[0].id}/{to_iso_text(window.end_utc)}/{math.ceil(window.hours)}?format=csv"
        return _("Todas as amostras: {address}, e assim para cada métrica.", address=address)


def room_bytes(page: Page) -> int:
    """The bytes of attachments that fit into the page's message, its figures included."""
    figures = sum(len(figure.png) for figure in page.figures)
    bodies = 3 * len((page.html + page.text).encode())  # quoted-printable at its longest
    return int((MESSAGE_BYTES - _OTHERS_BYTES - bodies) / BASE64_RATIO) - figures


def file_stem(window: Window, application: str = "") -> str:
    """The stem of a report's file names: `pycemaker-20220410T124323Z-6h`, the interval's end in UTC and its length.

    An application's name stands before them: `pycemaker-loja-20220410T124323Z-6h`.
    """
    named = f"{application}-" if application else ""
    return f"pycemaker-{named}{window.end_utc:%Y%m%dT%H%M%SZ}-{window.hours}h"
