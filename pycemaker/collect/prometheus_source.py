"""Readings out of Prometheus's HTTP API, by `query_range`, of the present and the past alike.

Instants are whole steps since 1970, so that the same stretch queried twice gives the same samples. No query goes beyond
Prometheus's own present, by its own clock: of the future it would answer the last value again.
Counters that reset and series that end (5 min, or a stale marker) are its own work.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from pycemaker.collect.collect_file import CollectSource
from pycemaker.collect.reading_documents import Readings
from pycemaker.collect.source_http import AnswerTooLong, SourceClient, SourceFault
from pycemaker.metrics import HTTP_FAIL, METRICS, REQUEST_COUNT
from pycemaker.parsing.application_names import is_application

MOST_POINTS = 11_000
"""Instants that Prometheus answers at a time."""

_SECONDS = 20.0
_MOST_CLOCK_SECONDS = 86_400.0
_NO_ANSWER = "an answer that is none of Prometheus's API"
_COUNTED = (REQUEST_COUNT.id, HTTP_FAIL.id)


class QueryRefused(SourceFault):
    """Prometheus answers, and refuses a query; the text is its own, cut."""


class PrometheusSource:
    """One source of kind `prometheus`. One thread at a time. `clock_seconds`: how far its clock is ahead of ours."""

    def __init__(self, source: CollectSource) -> None:
        self.source = source
        self.clock_seconds = 0.0
        self._client = SourceClient(source.url, source.authorization, _SECONDS)

    def now(self) -> float:
        """Its present, in seconds since 1970. Raises SourceFault, also where its clock is more than a day off."""
        before = time.time()
        result = self._ask("/api/v1/query", {"query": "time()"}, "scalar")
        try:
            present = float(result[1])
        except (ValueError, TypeError, IndexError):
            raise SourceFault(_NO_ANSWER) from None
        self.clock_seconds = present - (before + time.time()) / 2
        if not abs(self.clock_seconds) <= _MOST_CLOCK_SECONDS:  # else nothing would be asked for until that instant
            raise SourceFault("its clock is more than a day ahead or behind")
        return present

    def groups(self) -> Iterator[tuple[str, ...]]:
        """The metrics that are asked for together: requests with their failures, each other one alone."""
        wanted = self.source.queries
        yield from ((metric.id,) for metric in METRICS if metric.id in wanted and metric.id not in _COUNTED)
        if together := tuple(name for name in _COUNTED if name in wanted):
            yield together

    def read(self, metric_ids: Sequence[str], after_s: int, until_s: int) -> Readings:
        """The readings of these metrics with after_s < time <= until_s, both whole steps since 1970.

        Raises:
            QueryRefused: it does not take the query.
            AnswerTooLong: a shorter stretch may do.
            SourceFault: it does not answer as its API does.
        """
        readings: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
        step = self.source.every_seconds
        for metric_id in metric_ids:
            form = {"query": self.source.queries[metric_id], "start": str(after_s + step), "end": str(until_s)}
            for application, values in self._by_application(form | {"step": str(step)}, metric_id).items():
                for time_ms, value in values.items():
                    readings[application, time_ms][metric_id] = value
        return readings

    def _by_application(self, form: dict[str, str], metric_id: str) -> dict[str, dict[int, float]]:
        """Each application's values by instant. Several series of one are added up where they count, else averaged."""
        together: dict[str, list[dict[int, float]]] = defaultdict(list)
        start_s, end_s = int(form["start"]), int(form["end"])
        try:
            for series in self._ask("/api/v1/query_range", form, "matrix"):
                application = self._application(series["metric"])
                if application is not None:
                    together[application].append(
                        {round(at * 1000): float(value) for at, value in series["values"] if start_s <= at <= end_s}
                    )
        except (ValueError, TypeError, KeyError, AttributeError):
            raise SourceFault(_NO_ANSWER) from None
        adds_up = metric_id in _COUNTED
        return {name: series[0] if len(series) == 1 else _joined(series, adds_up) for name, series in together.items()}

    def _application(self, labels: dict[str, str]) -> str | None:
        """The application of a series; None where its label is no application's name."""
        if not self.source.application_label:
            return self.source.application
        name = labels.get(self.source.application_label, "").lower()
        return name if is_application(name) else None

    def _ask(self, path: str, form: dict[str, str], kind: str) -> Any:
        """The result of that kind. Raises as `read`."""
        answer = self._client.post(path, form)
        try:
            content = orjson.loads(answer.body)
            if content["status"] == "error":
                raise _error_of(str(content["errorType"]), str(content["error"])[:200])
            if content["data"]["resultType"] == kind and isinstance(content["data"]["result"], list):
                return content["data"]["result"]
        except (ValueError, TypeError, KeyError):
            if answer.status != 200:
                raise SourceFault(f"status {answer.status}") from None
        raise SourceFault(_NO_ANSWER)


def _error_of(kind: str, text: str) -> SourceFault:
    """The error that Prometheus answers: of a query, of a stretch that is too long for it, or of its own state."""
    if "too many samples" in text:
        return AnswerTooLong(text)
    return (QueryRefused if kind in ("bad_data", "execution") else SourceFault)(f"{kind}: {text}")


def _joined(series: list[dict[int, float]], adds_up: bool) -> dict[int, float]:
    values: dict[int, list[float]] = defaultdict(list)
    for each in series:
        for time_ms, value in each.items():
            values[time_ms].append(value)
    return {time_ms: sum(each) / (1 if adds_up else len(each)) for time_ms, each in values.items()}
