"""Makes what a report is asked to carry, within what a message may weigh."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pycemaker.digest import digest
from pycemaker.language import _
from pycemaker.metrics import METRICS, Metric
from pycemaker.report.attachments.kinds import Attached, Attachment
from pycemaker.report.attachments.samples_csv import CsvArchive
from pycemaker.report.lint import MESSAGE_BYTES

if TYPE_CHECKING:
    from pycemaker.period import MetricPeriod
    from pycemaker.report.pipeline import Page
    from pycemaker.window import Window

ReadPart = Callable[[Metric, "Window"], "MetricPeriod"]
"""Reads one metric's samples of a window. Raises DatabaseUnreachable."""

BASE64 = 78 / 57
"""How many bytes of a message a byte of an attachment takes: 57 are a line of 76 characters and its end."""

_HEADERS_BYTES = 20_000


@dataclass(frozen=True)
class Attacher:
    """Makes the attachments of one report.

    Attributes:
        read_part: where the samples come from; a metric at a time, so that a month of all is never in memory.
    """

    read_part: ReadPart

    def __call__(self, kinds: Sequence[str], window: Window, page: Page) -> Attached:
        """The files of these kinds that fit into the message, and what is to be said of them.

        Raises:
            DatabaseUnreachable: MongoDB went away.
        """
        if "csv" not in kinds:
            return Attached()
        room = room_bytes(page)
        content = self._csv(window)
        if len(content) > room:
            reason = f"{len(content)} bytes, of which {room} fit into the message"
            note = _("As amostras em CSV não couberam neste e-mail; peça um período mais curto.")
            return Attached(notes=(note,), missing={"csv": reason})
        return Attached((Attachment("csv", f"{stem(window)}-csv.zip", "application/zip", content),))

    def _csv(self, window: Window) -> bytes:
        with tempfile.TemporaryFile() as file:
            archive = CsvArchive(file)
            for metric in METRICS:
                part = self.read_part(metric, window)
                archive.add(part, digest(part))
            archive.close()
            file.seek(0)
            return file.read()


def room_bytes(page: Page) -> int:
    """How many bytes of attachments the message of this page has room for, its figures inside."""
    figures = sum(len(figure.png) for figure in page.figures)
    bodies = 2 * len((page.html + page.text).encode())  # quoted-printable at its longest but for the odd text
    return int((MESSAGE_BYTES - _HEADERS_BYTES - bodies) / BASE64) - figures


def stem(window: Window) -> str:
    """What the files of a report are called: `pycemaker-20220410T124323Z-6h`, its end in UTC and its length."""
    return f"pycemaker-{window.end_utc:%Y%m%dT%H%M%SZ}-{window.hours}h"
