"""Samples as programs post them: an array of JSON, or a line of JSON each; checked one by one."""

import math
import zlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from pycemaker.collect.reading_documents import Documents
from pycemaker.collect.sample_document import MOST_READING, Steps, sample_document
from pycemaker.errors import BodyTooLarge, InvalidParameter
from pycemaker.metrics import NAMES, Metric, find_metric
from pycemaker.web.middleware.request_bodies import LONGEST_SAMPLES_BYTES
from pycemaker.window import from_epoch_ms, to_epoch_ms

MOST_SAMPLES = 10_000
AHEAD = timedelta(minutes=5)
"""So far ahead of the present a sample may be: a caller's clock may be fast."""

MOST_NAMED = 100
_MOST_COMMAS = 8  # of a sample with its own
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
_TAKES = (
    'uma lista JSON de objetos como {"metric": "cpu", "time": "2026-11-23T13:54:26Z", "value": 0.4}, ou um por linha'
)


@dataclass
class PostedSamples:
    """The right samples of a body as documents; of the others place (from 1 on) and reason, MOST_NAMED at most."""

    documents: Documents = field(default_factory=lambda: defaultdict(list))
    rejected: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0
    rejected_count: int = 0

    def reject(self, place: int, reason: str) -> None:
        """Note a wrong sample."""
        self.rejected_count += 1
        if len(self.rejected) < MOST_NAMED:
            self.rejected.append({"place": place, "reason": reason})


def read_samples(
    body: bytes, encoding: str, application: str, steps: Mapping[str, Steps], now_utc: datetime
) -> PostedSamples:
    """The samples of a body; `encoding` is its Content-Encoding, `steps` are those of criticity by metric id.

    Raises:
        BodyTooLarge: it is larger than a request may be.
        InvalidParameter: it is neither JSON nor lines of it, or has more than MOST_SAMPLES.
    """
    given = _entries(_decompressed(body, encoding))
    _check_count(len(given))
    posted, latest = PostedSamples(count=len(given)), now_utc + AHEAD
    for place, entry in enumerate(given, 1):
        try:
            metric, taken_utc, reading, failed = _sample(entry, latest)
        except ValueError as error:
            posted.reject(place, str(error))
            continue
        posted.documents[metric.collection].append(
            sample_document(metric, taken_utc, reading, failed=failed, steps=steps, collected_for=application)
        )
    return posted


def _decompressed(body: bytes, encoding: str) -> bytes:
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise InvalidParameter(field="Content-Encoding", reason="unknown", takes="gzip")
    try:
        stream = zlib.decompressobj(wbits=31)
        content = stream.decompress(body, LONGEST_SAMPLES_BYTES + 1)
    except zlib.error:
        content = b""
    if len(content) > LONGEST_SAMPLES_BYTES:
        raise BodyTooLarge(limit_bytes=LONGEST_SAMPLES_BYTES)
    if not stream.eof:
        raise InvalidParameter(field="body", reason="no gzip, or cut", takes="gzip")
    return content


def _entries(content: bytes) -> list[Any]:
    _check_count(content.count(b",") // _MOST_COMMAS)  # before a million lists or errors are made of it
    lines = [line for line in content.splitlines() if line.strip()]
    is_array = bool(lines) and lines[0].lstrip()[:1] == b"["
    _check_count(0 if is_array else len(lines))
    try:
        if lines:
            return list(orjson.loads(content)) if is_array else [_line(line) for line in lines]
    except orjson.JSONDecodeError:
        pass
    raise InvalidParameter(field="body", reason="no JSON", takes=_TAKES)


def _check_count(count: int) -> None:
    """Raises InvalidParameter: these are more than MOST_SAMPLES."""
    if count > MOST_SAMPLES:
        takes = f"até {MOST_SAMPLES} amostras por vez"
        raise InvalidParameter(field="body", reason=f"more than {MOST_SAMPLES} samples", takes=takes)


def _line(line: bytes) -> Any:
    """A line's content; None, which is no sample, where it is no JSON: the other lines are right all the same."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _sample(entry: Any, latest: datetime) -> tuple[Metric, datetime, float, float]:
    """Metric, instant, reading and failures. Raises ValueError with the reason, in Portuguese."""
    if not isinstance(entry, dict):
        raise ValueError("use um objeto JSON")  # noqa: TRY004 - each of these is the same refusal
    if entry.get("metric") not in NAMES:
        raise ValueError("metric: métrica desconhecida")
    metric = find_metric(entry["metric"])
    if unknown := entry.keys() - {"metric", "time", *metric.fields}:
        raise ValueError(f"campo desconhecido: {min(unknown)[:40]}")
    taken_utc = _instant(entry.get("time"))
    if taken_utc is None:
        raise ValueError("time: use ISO 8601 com fuso ou milissegundos desde 1970")
    if not _OLDEST <= taken_utc <= latest:
        raise ValueError("time: fica no futuro, ou antes de 2000")
    readings: list[Any] = [entry.get(name) for name in metric.fields]
    least, most = max(metric.bounds[0], -MOST_READING), min(metric.bounds[1], MOST_READING)
    for name, reading in zip(metric.fields, readings, strict=True):
        if type(reading) not in (int, float) or not math.isfinite(reading) or not least <= reading <= most:
            raise ValueError(f"{name}: use um número{' de 0 a 1' if metric.unit == 'ratio' else ''}")
    return metric, taken_utc, readings[0], readings[1] if len(readings) > 1 else 0


def _instant(given: Any) -> datetime | None:
    """The instant, in whole milliseconds; None without a zone, and where it cannot be read."""
    try:
        instant = datetime.fromisoformat(given) if isinstance(given, str) else from_epoch_ms(int(given))
        return from_epoch_ms(to_epoch_ms(instant)) if instant.tzinfo else None
    except (ValueError, TypeError, OverflowError):
        return None
