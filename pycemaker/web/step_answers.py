"""Step answers (`?every=`): count, mean, minimum, maximum and p95 of each step of an interval or tail."""

from contextlib import nullcontext
from datetime import datetime

from pycemaker.cache.sample_store import SampleRead, Store
from pycemaker.cache.step_reader import StepReader
from pycemaker.metrics import Metric
from pycemaker.series.steps import Steps
from pycemaker.web import etags, response_bodies
from pycemaker.web.answer_formats import Shape, step_rows, write_steps
from pycemaker.web.metric_answers import MetricAnswer, Slot
from pycemaker.window import Interval, Window


class StepAnswers:
    """Makes step answers of one database. Threads share it."""

    def __init__(self, store: Store, slot: Slot) -> None:
        self._store = store
        self._slot = slot
        self._reader = StepReader(store)

    def tail(self, metric: Metric, stretch: Interval, shape: Shape, now_utc: datetime) -> MetricAnswer:
        """The steps of a tail, or of an interval by itself: an array, or a table in other formats.

        Raises:
            TooManyStreams: every slot is taken; DatabaseUnreachable: MongoDB is away.
        """
        reading = self._store.start_read(metric, stretch)
        steps = self._steps(metric, stretch, reading, shape, now_utc)
        return self._answer(_body(steps, shape.format), shape, reading)

    def interval(self, metric: Metric, window: Window, shape: Shape, now_utc: datetime) -> MetricAnswer:
        """The steps of an interval and of the previous one; in other formats than JSON those of the interval alone.

        Raises as `tail`.
        """
        if shape.format != "json":
            return self.tail(metric, window.current, shape, now_utc)
        stretches = window.current, window.previous
        readings = [self._store.start_read(metric, stretch) for stretch in stretches]
        current, previous = (
            step_rows(self._steps(metric, stretch, reading, shape, now_utc))
            for stretch, reading in zip(stretches, readings, strict=True)
        )
        return self._answer(response_bodies.step_interval(current, previous, window), shape, *readings)

    def _steps(self, metric: Metric, stretch: Interval, reading: SampleRead, shape: Shape, now_utc: datetime) -> Steps:
        assert shape.every_seconds is not None  # noqa: S101 - else the answer is of documents
        by_hours = self._reader.reads_hours(stretch, shape.every_seconds, now_utc)
        with nullcontext() if reading.fits_cache and not by_hours else self._slot():
            if by_hours:
                return self._reader.of_hours(metric, stretch, shape.every_seconds, now_utc)
            return self._reader.of_samples(metric, stretch, reading, shape.every_seconds)

    def _answer(self, body: bytes, shape: Shape, *readings: SampleRead) -> MetricAnswer:
        holds = [reading.is_valid for reading in readings]
        sent = iter([body]), etags.etag_of_body(body), shape.media_type
        return MetricAnswer(*sent, lambda: all(is_valid() for is_valid in holds), len(body), readings[0].newest_ms)


def _body(steps: Steps, format_name: str) -> bytes:
    if format_name == "json":
        return response_bodies.json_bytes(step_rows(steps))
    if format_name == "ndjson":
        return b"".join(response_bodies.json_bytes(row) + b"\n" for row in step_rows(steps))
    return write_steps(steps, format_name)
