"""What goes over the wire: JSON answers as runs of bytes. The Portuguese keys of the contract live here alone.

An answer is made as its samples arrive, so that a month of them takes no more memory than a batch and two columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from pycemaker import stats
from pycemaker.samples import Batch, Columns, join_columns
from pycemaker.window import Window, to_iso_text


def json_bytes(content: Any) -> bytes:
    """Plain data as JSON text in UTF-8; NaN and the infinities become null."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def tail(batches: Iterable[Batch]) -> Iterator[bytes]:
    """A bare array of the batches' documents."""
    yield b"["
    yield from _rows(batches, [], None)
    yield b"]"


def interval(current: Iterable[Batch], previous: Iterable[Batch], window: Window) -> Iterator[bytes]:
    """The answer of a metric's interval route: documents of both intervals, and the statistics over them.

    Args:
        current: the interval's documents, oldest first.
        previous: those of the interval before it.
        window: the two intervals.
    """
    columns: list[Columns] = []
    previous_columns: list[Columns] = []
    extremes = _ExtremeRows()
    yield b'{"data":['
    yield from _rows(current, columns, extremes)
    yield b'],"data_anterior":['
    yield from _rows(previous, previous_columns, None)
    yield b"],"
    yield json_bytes(_statistics(join_columns(columns), join_columns(previous_columns)))[1:-1]
    yield b',"lower":[' + b",".join(extremes.lowest) + b'],"higher":[' + b",".join(extremes.highest)
    yield b'],"datas":' + json_bytes(_instants(window)) + b"}"


def _rows(batches: Iterable[Batch], kept: list[Columns], extremes: _ExtremeRows | None) -> Iterator[bytes]:
    separator = b""
    for batch in batches:
        if not len(batch):
            continue
        kept.append(batch.columns)
        if extremes is not None:
            extremes.look_at(batch)
        yield separator + batch.rows if separator else batch.rows
        separator = b","


class _ExtremeRows:
    """The rows at the lowest and at the highest reading so far."""

    def __init__(self) -> None:
        self.lowest: list[bytes] = []
        self.highest: list[bytes] = []
        self._low = np.inf
        self._high = -np.inf

    def look_at(self, batch: Batch) -> None:
        """Take in another batch's readings."""
        found = stats.extremes(batch.columns.reading)
        if not len(found.lowest):
            return
        low, high = batch.columns.reading[found.lowest[0]], batch.columns.reading[found.highest[0]]
        if low < self._low:
            self._low, self.lowest = low, []
        if low == self._low:
            self.lowest += [batch.row(int(place)) for place in found.lowest]
        if high > self._high:
            self._high, self.highest = high, []
        if high == self._high:
            self.highest += [batch.row(int(place)) for place in found.highest]


def _statistics(current: Columns, previous: Columns) -> dict[str, Any]:
    shares = stats.criticity_shares(current)
    return {
        "mean": stats.mean(current.reading),
        "mean_anterior": stats.mean(previous.reading),
        "growth": stats.growth(current.reading, previous.reading),
        "criticity_classification": [{"criticity": name, "value": share} for name, share in shares.items()],
    }


def _instants(window: Window) -> list[str]:
    return [to_iso_text(instant) for instant in (window.end_utc, window.start_utc, window.previous_start_utc)]


_SENT = "Relatório enviado com sucesso!"
_WRITTEN = "Relatório gravado na caixa de saída (nenhuma conta de e-mail configurada): nada foi enviado."
_REPORT_KEYS = (
    *(
        "id",
        "state",
        "notebook",
        "parameters",
        "subject",
        "email_to",
        "start",
        "end",
        "hours",
        "delivered_by",
        "reply",
        "message_id",
    ),
    *("message_bytes", "figures", "figures_in", "figure_urls", "seconds", "stage_seconds"),
)


def report(record: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of the report route, out of the record of a report that was delivered."""
    return {
        "msg": _SENT if record["state"] == "sent" else _WRITTEN,
        "report": {key: record[key] for key in _REPORT_KEYS if key in record},
    }
