"""Bodies of JSON answers. The Portuguese keys of the contract live here alone.

The body of a metric answer is made as its samples arrive, so that a month takes no more memory than one batch, 8 bytes
a sample, and a tenth of the rows that are at an extreme.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from pycemaker import stats
from pycemaker.cache.newest_by_application import Newest
from pycemaker.errors import PycemakerError
from pycemaker.metrics import Metric
from pycemaker.monitor.alert_history import Alert
from pycemaker.series.batches import Batch, Columns
from pycemaker.series.downsample import Downsampler
from pycemaker.telemetry.check_runner import OK, Outcome
from pycemaker.window import Window, from_epoch_ms, to_iso_text

PLAIN_BYTES = 6_000_000
"""Rows at an extreme that are not compressed, 32,000 of them. A metric may be at its lowest for a month."""


def json_bytes(content: Any) -> bytes:
    """Plain data as JSON text in UTF-8; NaN and the infinities become null."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def error(cause: PycemakerError) -> dict[str, Any]:
    """The answer to a request that failed: `msg`, `error` (the code), `field` where one is at fault, facts to show."""
    content: dict[str, Any] = {"msg": cause.in_portuguese(), "error": cause.code}
    if cause.field is not None:
        content["field"] = cause.field
    return content | {name: cause.facts[name] for name in (*cause.shows, "report_id") if name in cause.facts}


def check_outcome(outcome: Outcome) -> dict[str, Any]:
    """A check of `/ready`: `ok`, `why` in Portuguese where it failed, and what was measured."""
    why = {"why": outcome.message} if outcome.message else {}
    return {"ok": outcome.level == OK} | why | dict(outcome.figures)


def tail(batches: Iterable[Batch]) -> Iterator[bytes]:
    """A bare array of the batches' documents."""
    yield b"["
    yield from _rows(batches)
    yield b"]"


def interval(
    current: Iterable[Batch],
    previous: Iterable[Batch],
    window: Window,
    max_points: int | None = None,
    plain_bytes: int = PLAIN_BYTES,
) -> Iterator[bytes]:
    """The answer of a metric's interval route: documents of both intervals, and the statistics over them.

    Args:
        max_points: how many documents each of the two lists has at most; None means all. The statistics, and the
            documents at the extremes, are of all in any case.
    """
    extremes = _ExtremeRows(plain_bytes)
    reader, previous_reader = _IntervalReader(max_points, extremes), _IntervalReader(max_points)
    yield b'{"data":['
    yield from _rows(reader.read(current))
    yield b'],"data_anterior":['
    yield from _rows(previous_reader.read(previous))
    yield b"],"
    yield json_bytes(_statistics(reader, previous_reader))[1:-1]
    if reader.downsampler and previous_reader.downsampler:
        yield b',"amostragem":' + json_bytes(_sampling(reader.downsampler, previous_reader.downsampler))
    yield b',"lower":['
    yield from _comma_separated(extremes.lowest)
    yield b'],"higher":['
    yield from _comma_separated(extremes.highest)
    yield b'],"datas":' + json_bytes(_instants(window)) + b"}"


def step_interval(current: list[dict[str, Any]], previous: list[dict[str, Any]], window: Window) -> bytes:
    """The answer of a metric's interval route in steps."""
    return json_bytes({"data": current, "data_anterior": previous, "datas": _instants(window)})


def _rows(batches: Iterable[Batch]) -> Iterator[bytes]:
    return _comma_separated(batch.rows for batch in batches if len(batch))


def _comma_separated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for index, chunk in enumerate(chunks):
        if index:
            yield b","  # by itself: the cache holds the chunk, which is not copied for it
        yield chunk


class _IntervalReader:
    """Reads an interval's batches and collects what the statistics need: 8 bytes a sample, its reading."""

    def __init__(self, max_points: int | None, extremes: _ExtremeRows | None = None) -> None:
        self._readings: list[NDArray[np.float64]] = [np.empty(0)]
        self.criticities: Counter[str] = Counter()
        self._extremes = extremes
        self.downsampler = Downsampler(max_points) if max_points else None

    def read(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches; downsampled, the one batch that is left of all."""
        for batch in batches:
            self._readings.append(batch.columns.reading)
            self.criticities.update(stats.criticity_counts(batch.columns))
            if self._extremes:
                self._extremes.look_at(batch)
            if self.downsampler:
                self.downsampler.add(batch)
            else:
                yield batch
        if self.downsampler:
            yield self.downsampler.result()

    def readings(self) -> NDArray[np.float64]:
        """All of them, in one piece."""
        return np.concatenate(self._readings)


@dataclass
class _RowChunk:
    """Rows of documents, joined by commas; compressed they take a tenth."""

    text: bytes
    is_compressed: bool = False

    def compress(self) -> None:
        """Compress it. Twice is once."""
        if not self.is_compressed:
            self.text, self.is_compressed = zlib.compress(self.text, 1), True

    def decompressed(self) -> bytes:
        """The rows."""
        return zlib.decompress(self.text) if self.is_compressed else self.text


class _RowChunks:
    """Rows at one extreme, a chunk for each batch that has some; compressed beyond `plain_bytes`."""

    def __init__(self, plain_bytes: int) -> None:
        self._plain_bytes = plain_bytes
        self._chunks: list[_RowChunk] = []
        self._bytes = 0

    def add(self, chunk: _RowChunk) -> None:
        """Add a chunk."""
        self._bytes += len(chunk.text)
        if self._bytes > self._plain_bytes:
            chunk.compress()
        self._chunks.append(chunk)

    def __iter__(self) -> Iterator[bytes]:
        return (chunk.decompressed() for chunk in self._chunks)


class _ExtremeRows:
    """The rows at the lowest and at the highest reading so far."""

    def __init__(self, plain_bytes: int) -> None:
        self._plain_bytes = plain_bytes
        self.lowest, self.highest = _RowChunks(plain_bytes), _RowChunks(plain_bytes)
        self._low = np.inf
        self._high = -np.inf

    def look_at(self, batch: Batch) -> None:
        """Add a batch."""
        lowest, highest = stats.extremes(batch.columns.reading)
        if not len(lowest):
            return
        low, high = batch.columns.reading[lowest[0]], batch.columns.reading[highest[0]]
        if low < self._low:
            self._low, self.lowest = low, _RowChunks(self._plain_bytes)
        if high > self._high:
            self._high, self.highest = high, _RowChunks(self._plain_bytes)
        if low == high == self._low == self._high:
            chunk = _joined(batch, lowest)
            self.lowest.add(chunk)
            self.highest.add(chunk)
            return
        if low == self._low:
            self.lowest.add(_joined(batch, lowest))
        if high == self._high:
            self.highest.add(_joined(batch, highest))


def _joined(batch: Batch, rows: NDArray[np.intp]) -> _RowChunk:
    """Those rows; the batch's own bytes where they are all of them (a metric that stays at 0)."""
    if len(rows) == len(batch):
        return _RowChunk(batch.rows)
    return _RowChunk(b",".join([batch.row(int(index)) for index in rows]))


def _statistics(reader: _IntervalReader, previous_reader: _IntervalReader) -> dict[str, Any]:
    readings, before = reader.readings(), previous_reader.readings()
    shares = stats.shares_of(reader.criticities)
    return {
        "mean": stats.mean(readings),
        "mean_anterior": stats.mean(before),
        "growth": stats.growth(readings, before),
        "criticity_classification": [{"criticity": name, "value": share} for name, share in shares.items()],
    }


def _sampling(downsampler: Downsampler, previous: Downsampler) -> dict[str, Any]:
    return {"metodo": downsampler.method} | {
        key: {
            "pontos": len(each.result()),
            "de": each.total,
            "lacunas": [list(map(to_iso_text, gap)) for gap in gaps_of(each)],
        }
        for key, each in (("data", downsampler), ("data_anterior", previous))
    }


def gaps_of(downsampler: Downsampler) -> list[tuple[datetime, datetime]]:
    """The longest gaps between a thinned answer's samples, oldest first: the instants of the samples at both ends."""
    return [(from_epoch_ms(start_ms), from_epoch_ms(end_ms)) for start_ms, end_ms in downsampler.gap_finder.longest()]


def _instants(window: Window) -> list[str]:
    return [to_iso_text(instant) for instant in (window.end_utc, window.start_utc, window.previous_start_utc)]


def newest_samples(newest: Mapping[Metric, Columns]) -> bytes:
    """The answer of `/now`: by metric the time, reading and criticity of its newest sample, null without one."""
    return json_bytes({"metrics": {metric.id: _newest(metric, columns) for metric, columns in newest.items()}})


def _newest(metric: Metric, columns: Columns) -> dict[str, Any]:
    known: dict[str, Any] = {"time": None, "value": None, "criticity": None}
    if len(columns):
        known["time"] = to_iso_text(from_epoch_ms(columns.time_ms[-1]))
        known["value"] = float(columns.reading[-1])
        known["criticity"] = columns.criticity_names[columns.criticity[-1]]
    return known | {"unit": metric.unit, "label": metric.label}


def applications(newest: Newest, scores: Mapping[str, float | None], alerts: Iterable[Alert]) -> bytes:
    """The answer of `/apps`: each application's newest samples, its health and its open alerts."""
    names = ("rule", "kind", "metric")
    by_application: dict[str, list[dict[str, Any]]] = {}
    for alert in alerts:
        shown = {name: getattr(alert, name) for name in names} | {"since": to_iso_text(alert.since)}
        by_application.setdefault(alert.application, []).append(shown)
    rows: list[dict[str, Any]] = [
        {
            "application": application,
            "metrics": {
                metric: {"time": to_iso_text(sample.time_utc), "value": sample.value}
                for metric, sample in samples.items()
            },
            "health": scores.get(application),
            "alerts": by_application.get(application, []),
        }
        for application, samples in newest.items()
    ]
    return json_bytes({"applications": rows})


_SENT = "Relatório enviado com sucesso!"
_ACCEPTED = "Relatório aceito: acompanhe-o em {url}."
_WRITTEN = "Relatório gravado na caixa de saída (nenhuma conta de e-mail configurada): nada foi enviado."
_SUPPRESSED = "Não enviado a pedido do destinatário: {addresses}."
_REPORT_KEYS = (
    *("id", "state", "application", "notebook", "parameters", "subject", "email_to", "start", "end", "hours"),
    *("delivered_by", "reply", "message_id", "recipients", "request_id", "storage_problem", "message_bytes", "figures"),
    *("figures_in", "figure_urls", "attachments", "attachments_missing", "left_out", "seconds", "stage_seconds"),
    *("place", "ready_in_seconds"),
)


def report(record: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of the report route for a delivered report; names recipients who have unsubscribed."""
    sentences = [_SENT if record["state"] == "sent" else _WRITTEN]
    left_out = [recipient["address"] for recipient in record["recipients"] if recipient["state"] == "suppressed"]
    if left_out:
        sentences.append(_SUPPRESSED.format(addresses=", ".join(left_out)))
    return {"msg": " ".join(sentences), "report": {key: record[key] for key in _REPORT_KEYS if key in record}}


def report_accepted(record: Mapping[str, Any], url: str) -> dict[str, Any]:
    """The answer of the report route for a report that is still in work; `url` is that of its record."""
    described = {key: record[key] for key in _REPORT_KEYS if key in record}
    return {"msg": _ACCEPTED.format(url=url), "report": described, "url": url}
