"""Readings of an exporter's page. Rates are between two scrapes, so the first one gives none."""

from __future__ import annotations

import time
from collections.abc import Callable

from pycemaker.collect.collect_file import CollectSource
from pycemaker.collect.collected_samples import Readings
from pycemaker.collect.exporter_page import OPENMETRICS, ExporterPage, MalformedPage, parse_page
from pycemaker.collect.source_http import SourceClient, SourceFault

_ACCEPT = f"text/plain;version=0.0.4, {OPENMETRICS};version=1.0.0;q=0.5"
_MOST_SECONDS = 10.0


class ExporterSource:
    """One source of kind `scrape`. One thread at a time.

    Args:
        source: the source.
        client: asks it.
        clock: seconds, as of `time.monotonic`; rates go by it, whatever happens to the wall clock.
    """

    def __init__(
        self,
        source: CollectSource,
        client: SourceClient | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source
        seconds = min(_MOST_SECONDS, max(1.0, source.every_seconds))
        self._client = client or SourceClient(source.url, source.authorization, seconds)
        self._clock = clock
        self._before: ExporterPage | None = None

    @property
    def is_first(self) -> bool:
        """True before the first scrape, which gives no rates."""
        return self._before is None

    def read(self, time_s: float) -> Readings:
        """Scrape, and the readings as of that instant, seconds since 1970.

        Raises:
            SourceFault: the exporter does not answer, or not with a page of metrics.
        """
        page = self._scrape(time_s)
        before, self._before = self._before, page
        readings = {name: page.reading(rule, before) for name, rule in self.source.rules.items()}
        there = {name: value for name, value in readings.items() if value is not None}
        return {(self.source.application, round(time_s * 1000)): there}

    def _scrape(self, time_s: float) -> ExporterPage:
        taken_s = self._clock()
        answer = self._client.get(_ACCEPT)
        if answer.status != 200:
            raise SourceFault(f"status {answer.status}")
        try:
            text = answer.body.decode()
            return parse_page(text, answer.media_type, self.source.rules.values(), taken_s, time_s)
        except UnicodeDecodeError:
            raise SourceFault("a page that is no UTF-8") from None
        except MalformedPage as error:
            raise SourceFault(str(error)) from None
