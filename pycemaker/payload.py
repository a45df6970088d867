"""What goes over the wire: JSON answers as runs of bytes. The Portuguese keys of the contract live here alone.

An answer is made as its samples arrive, so that a month of them takes no more memory than a batch of
them, 8 bytes each, and a tenth of the rows that are at an extreme.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from pycemaker import stats
from pycemaker.points import Thinner
from pycemaker.samples import Batch
from pycemaker.window import Window, to_iso_text

_PLAIN_BYTES = 6_000_000
"""Rows at an extreme that are kept as they are, 32,000 of them. A metric may be at its lowest for a month."""


def json_bytes(content: Any) -> bytes:
    """Plain data as JSON text in UTF-8; NaN and the infinities become null."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def tail(batches: Iterable[Batch]) -> Iterator[bytes]:
    """A bare array of the batches' documents."""
    yield b"["
    yield from _rows(batches)
    yield b"]"


def interval(
    current: Iterable[Batch], previous: Iterable[Batch], window: Window, max_points: int | None = None
) -> Iterator[bytes]:
    """The answer of a metric's interval route: documents of both intervals, and the statistics over them.

    Args:
        current: the interval's documents, oldest first.
        previous: those of the interval before it.
        window: the two intervals.
        max_points: how many documents each of the two lists has at most; None means all. The statistics, and the
            documents at the extremes, are of all in any case.
    """
    extremes = _ExtremeRows()
    seen, seen_before = _Seen(max_points, extremes), _Seen(max_points)
    yield b'{"data":['
    yield from _rows(seen.pass_on(current))
    yield b'],"data_anterior":['
    yield from _rows(seen_before.pass_on(previous))
    yield b"],"
    yield json_bytes(_statistics(seen, seen_before))[1:-1]
    if seen.thinner and seen_before.thinner:
        yield b',"amostragem":' + json_bytes(_sampling(seen.thinner, seen_before.thinner))
    yield b',"lower":['
    yield from _pieces(extremes.lowest)
    yield b'],"higher":['
    yield from _pieces(extremes.highest)
    yield b'],"datas":' + json_bytes(_instants(window)) + b"}"


def _rows(batches: Iterable[Batch]) -> Iterator[bytes]:
    return _pieces(batch.rows for batch in batches if len(batch))


def _pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for place, piece in enumerate(pieces):
        if place:
            yield b","  # by itself: a piece is memory's own, and is not copied for it
        yield piece


class _Seen:
    """What the statistics need of an interval's batches, noted as they pass: of a sample 8 bytes, its reading."""

    def __init__(self, max_points: int | None, extremes: _ExtremeRows | None = None) -> None:
        self._readings: list[NDArray[np.float64]] = [np.empty(0)]
        self.criticities: Counter[str] = Counter()
        self._extremes = extremes
        self.thinner = Thinner(max_points) if max_points else None

    def pass_on(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches; or, once all have passed, the one batch that is left of them."""
        for batch in batches:
            self._readings.append(batch.columns.reading)
            self.criticities.update(stats.criticity_counts(batch.columns))
            if self._extremes:
                self._extremes.look_at(batch)
            if self.thinner:
                self.thinner.add(batch)
            else:
                yield batch
        if self.thinner:
            yield self.thinner.result()

    def readings(self) -> NDArray[np.float64]:
        """All of them, in one piece."""
        return np.concatenate(self._readings)


@dataclass
class _Piece:
    """Some documents' rows, joined by commas; compressed they take a tenth."""

    text: bytes
    is_packed: bool = False

    def pack(self) -> None:
        """Compress it. Twice is once."""
        if not self.is_packed:
            self.text, self.is_packed = zlib.compress(self.text, 1), True

    def unpacked(self) -> bytes:
        """The rows."""
        return zlib.decompress(self.text) if self.is_packed else self.text


class _Rows:
    """Rows at one extreme, a piece for each batch that has some; what goes beyond _PLAIN_BYTES is compressed."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self._bytes = 0

    def add(self, piece: _Piece) -> None:
        """Take in some more."""
        self._bytes += len(piece.text)
        if self._bytes > _PLAIN_BYTES:
            piece.pack()
        self._pieces.append(piece)

    def __iter__(self) -> Iterator[bytes]:
        return (piece.unpacked() for piece in self._pieces)


class _ExtremeRows:
    """The rows at the lowest and at the highest reading so far."""

    def __init__(self) -> None:
        self.lowest, self.highest = _Rows(), _Rows()
        self._low = np.inf
        self._high = -np.inf

    def look_at(self, batch: Batch) -> None:
        """Take in another batch's readings."""
        found = stats.extremes(batch.columns.reading)
        if not len(found.lowest):
            return
        low, high = batch.columns.reading[found.lowest[0]], batch.columns.reading[found.highest[0]]
        if low < self._low:
            self._low, self.lowest = low, _Rows()
        if high > self._high:
            self._high, self.highest = high, _Rows()
        if low == high == self._low == self._high:
            piece = _joined(batch, found.lowest)
            self.lowest.add(piece)
            self.highest.add(piece)
            return
        if low == self._low:
            self.lowest.add(_joined(batch, found.lowest))
        if high == self._high:
            self.highest.add(_joined(batch, found.highest))


def _joined(batch: Batch, places: NDArray[np.intp]) -> _Piece:
    """Those rows; the batch's own bytes where they are all of them (a metric that stays at 0)."""
    if len(places) == len(batch):
        return _Piece(batch.rows)
    return _Piece(b",".join([batch.row(int(place)) for place in places]))


def _statistics(seen: _Seen, seen_before: _Seen) -> dict[str, Any]:
    readings, before = seen.readings(), seen_before.readings()
    shares = stats.shares_of(seen.criticities)
    return {
        "mean": stats.mean(readings),
        "mean_anterior": stats.mean(before),
        "growth": stats.growth(readings, before),
        "criticity_classification": [{"criticity": name, "value": share} for name, share in shares.items()],
    }


def _sampling(thinner: Thinner, previous: Thinner) -> dict[str, Any]:
    return {"metodo": thinner.method} | {
        key: {"pontos": len(each.result()), "de": each.total}
        for key, each in (("data", thinner), ("data_anterior", previous))
    }


def _instants(window: Window) -> list[str]:
    return [to_iso_text(instant) for instant in (window.end_utc, window.start_utc, window.previous_start_utc)]


_SENT = "Relatório enviado com sucesso!"
_ACCEPTED = "Relatório aceito: acompanhe-o em {url}."
_WRITTEN = "Relatório gravado na caixa de saída (nenhuma conta de e-mail configurada): nada foi enviado."
_SUPPRESSED = "Não enviado a pedido do destinatário: {addresses}."
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
        "recipients",
        "request_id",
        "storage_problem",
    ),
    *("message_bytes", "figures", "figures_in", "figure_urls", "attachments", "attachments_missing", "left_out"),
    *("seconds", "stage_seconds"),
)


def report(record: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of the report route, out of the record of a report that was delivered; it says who wanted none."""
    told = [_SENT if record["state"] == "sent" else _WRITTEN]
    left_out = [one["address"] for one in record["recipients"] if one["state"] == "suppressed"]
    if left_out:
        told.append(_SUPPRESSED.format(addresses=", ".join(left_out)))
    return {
        "msg": " ".join(told),
        "report": {key: record[key] for key in _REPORT_KEYS if key in record},
    }


def report_accepted(record: Mapping[str, Any], url: str) -> dict[str, Any]:
    """The answer of the report route for a report of which nothing is known yet; `url` is where that will stand."""
    kept = {key: record[key] for key in _REPORT_KEYS if key in record}
    return {"msg": _ACCEPTED.format(url=url), "report": kept, "url": url}
