"""Metric answers: the samples of a read in the requested shape, with an ETag.

An answer too long to hold is not known before it is sent, and gets a random ETag, never given again. A downsampled one
is known: few documents are left of however many.
"""

import itertools
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from pycemaker.cache.sample_store import SampleRead
from pycemaker.series.batches import Batch
from pycemaker.series.downsample import Downsampler
from pycemaker.web import etags, response_bodies
from pycemaker.web.answer_formats import BROKEN_OFF, Shape, write
from pycemaker.window import Window, to_iso_text

WHOLE_BYTES = 1_000_000
"""Answers up to this size go out whole, with their length; longer ones are streamed."""

CACHED_WHOLE_BYTES = 8_000_000
"""The same for answers out of the cache. One piece is sent twice as fast as many, and holds no thread."""


Slot = Callable[[], AbstractContextManager[None]]
"""Takes a slot for long answers, as long as the context lasts."""


@dataclass(frozen=True)
class MetricAnswer:
    """An answer, not sent yet.

    Attributes:
        etag: a strong entity tag, quotes included.
        whole_bytes: up to which size it goes out whole.
        broken_off: ends the body where reading fails after it has begun.
    """

    chunks: Iterator[bytes]
    etag: str
    media_type: str
    is_valid: Callable[[], bool]
    whole_bytes: int
    newest_ms: Callable[[], int | None]
    broken_off: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Prefetch:
    """The batches of a read that are taken before its answer begins; all of them where `is_whole`."""

    head: deque[Batch]
    rest: Iterator[Batch]
    is_whole: bool

    def take(self) -> Iterator[Batch]:
        """All of them, once. Each is let go as it is taken, so that a slow client pins few."""
        while self.head:
            yield self.head.popleft()
        yield from self.rest


def tail(reading: SampleRead, shape: Shape, slot: Slot) -> MetricAnswer:
    """Everything since an instant; a long read is downsampled in a slot for long answers.

    Raises:
        TooManyStreams: every slot is taken; DatabaseUnreachable: MongoDB is away.
    """
    headers = {}
    gathered = prefetch(reading)
    if shape.max_points:
        downsampler = Downsampler(shape.max_points)
        with nullcontext() if gathered.is_whole else slot():
            for batch in gathered.take():
                downsampler.add(batch)
        points = downsampler.result()
        headers = _sampling_headers(downsampler)
        batches = iter([points])
        etag = _etag([_Prefetch(deque([points]), iter(()), is_whole=True)], "tail", shape, *headers.values())
    else:
        batches, etag = gathered.take(), _etag([gathered], "tail", shape)
    chunks = response_bodies.tail(batches) if shape.format == "json" else write(batches, shape.format)
    sent = shape.media_type, reading.is_valid, _whole_bytes(reading), reading.newest_ms
    return MetricAnswer(chunks, etag, *sent, BROKEN_OFF[shape.format], headers)


def interval(current: SampleRead, previous: SampleRead, window: Window, shape: Shape, slot: Slot) -> MetricAnswer:
    """An interval, the one before it and the statistics; in other shapes than JSON the interval alone.

    Raises as `tail`.
    """
    if shape.format != "json":
        return tail(current, shape, slot)
    now = prefetch(current)
    before = prefetch(previous) if now.is_whole else _Prefetch(deque(), previous.batches, is_whole=False)
    chunks = response_bodies.interval(now.take(), before.take(), window, shape.max_points)
    whole_bytes = min(_whole_bytes(current), _whole_bytes(previous))
    etag = _etag([now, before], "interval", shape, to_iso_text(window.end_utc), str(window.hours))
    if shape.max_points and not (now.is_whole and before.is_whole):
        with slot():
            chunks, body = _joined_if_short(chunks)
        etag = etags.etag_of_body(body) if body is not None else etag
        whole_bytes = CACHED_WHOLE_BYTES
    holds = current.is_valid, previous.is_valid  # not the reads: the response cache would keep their pages alive

    def is_valid() -> bool:
        return holds[0]() and holds[1]()

    return MetricAnswer(chunks, etag, shape.media_type, is_valid, whole_bytes, current.newest_ms)


def _joined_if_short(chunks: Iterator[bytes]) -> tuple[Iterator[bytes], bytes | None]:
    """The chunks, and all of them in one piece; None where they are long, as where most documents are at an extreme."""
    head: list[bytes] = []
    size = 0
    for chunk in chunks:
        head.append(chunk)
        size += len(chunk)
        if size > CACHED_WHOLE_BYTES:
            return itertools.chain(head, chunks), None
    body = b"".join(head)
    return iter([body]), body


def _whole_bytes(reading: SampleRead) -> int:
    return CACHED_WHOLE_BYTES if reading.fits_cache else WHOLE_BYTES


def prefetch(reading: SampleRead) -> _Prefetch:
    """Take what is in memory, or what comes at once; what is longer stays to be streamed."""
    head: deque[Batch] = deque()
    size, most_bytes = 0, reading.buffer_limit_bytes if reading.fits_cache else WHOLE_BYTES
    for batch in reading.batches:
        head.append(batch)
        size += len(batch.rows)
        if size > most_bytes:
            return _Prefetch(head, reading.batches, is_whole=False)
    return _Prefetch(head, iter(()), is_whole=True)


def _etag(parts: list[_Prefetch], *more: str | Shape) -> str:
    if not all(part.is_whole for part in parts):
        return f'"{secrets.token_urlsafe(16)}"'  # never given again
    return etags.etag_of_batches([part.head for part in parts], *map(str, more))


def _sampling_headers(downsampler: Downsampler) -> dict[str, str]:
    """The facts of a thinned tail, which has no place for them in its body."""
    gaps = [f"{to_iso_text(start)}/{to_iso_text(end)}" for start, end in response_bodies.gaps_of(downsampler)]
    counts = f"pontos={len(downsampler.result())}; de={downsampler.total}; lacunas={downsampler.gap_finder.count}"
    return {"X-Amostragem": f"metodo={downsampler.method}; {counts}"} | ({"X-Lacunas": ", ".join(gaps)} if gaps else {})
