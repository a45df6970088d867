"""The one table of metrics. Routes, reads, figures, the notebook and the docs take it from here.

A metric added to `METRICS` is served, read, made up as demo data, checked and reported without another line elsewhere.
"""

import math
from dataclasses import dataclass

from pycemaker import brand
from pycemaker.errors import UnknownMetric
from pycemaker.i18n.language import N_


@dataclass(frozen=True)
class Metric:
    """One thing that collectors measure.

    Attributes:
        fields: the document's fields that add up to its reading; a document lacking one has no reading.
        unit: `ratio` (0 to 1), `seconds`, `requests` (a count per sample, which readers see as a rate), or the word of
            any other unit (`conexões`), which readers see beside the number, translated where the catalogues have it.
            One of it should be a step that people notice: half of one is the least that a finding tells.
        label: what readers see, in Portuguese; the catalogues have it in other languages.
        spellings: other names its routes answer to.
        limit: the reading at which it is full, and something ends; None where nothing fills up.
        worse: which way is bad: 1 where more is worse, -1 where less is.
        falls: whether a short fall below all that is known is an incident; not where less is only better. A level that
            stays lower is told in any case.
    """

    id: str
    collection: str
    unit: str
    label: str
    fields: tuple[str, ...] = ("value",)
    spellings: tuple[str, ...] = ()
    limit: float | None = None
    worse: int = 1
    falls: bool = True

    @property
    def color(self) -> str:
        """Of its line in figures, `#rrggbb`: the brand's."""
        return brand.load().metric(self.id)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest reading there can be in its unit."""
        return _BOUNDS.get(self.unit, (-math.inf, math.inf))

    @property
    def is_sum(self) -> bool:
        """True where the reading is computed, so that documents going out get it as `value`."""
        return self.fields != ("value",)


_BOUNDS = {"ratio": (0.0, 1.0), "seconds": (0.0, math.inf), "requests": (0.0, math.inf)}

SAMPLE_SECONDS = 5
"""Distance of the samples of our own collector and demo data; that of others is learned (`series/cadence`)."""

CPU = Metric("cpu", "cpu_usage", "ratio", N_("Consumo de CPU"))
RAM = Metric("ram", "jvm_memory_usage", "ratio", N_("Consumo de RAM"), limit=1.0)
DISK = Metric("disk", "disk_usage", "ratio", N_("Consumo de disco"), limit=1.0, falls=False)
RESPONSE_TIME = Metric(
    "response_time",
    "response_time",
    "seconds",
    N_("Tempo de resposta"),
    spellings=("reponse_time", "res_time"),
    falls=False,
)
REQUEST_COUNT = Metric(
    "request_count",
    "request_count",
    "requests",
    N_("Número de requisições"),
    fields=("value_success", "value_fail"),
    spellings=("req_count",),
    worse=-1,
)
HTTP_FAIL = Metric("http_fail", "http_fail", "requests", N_("Falhas HTTP"), falls=False)

METRICS: tuple[Metric, ...] = (CPU, RAM, DISK, RESPONSE_TIME, REQUEST_COUNT, HTTP_FAIL)

_BY_NAME = {name: metric for metric in METRICS for name in (metric.id, *metric.spellings)}
NAMES = tuple(_BY_NAME)  # Every name that a metric's routes answer to


def find_metric(name: str) -> Metric:
    """The metric of that id or published spelling. Raises UnknownMetric: there is none."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnknownMetric(name=name[:40], known=[metric.id for metric in METRICS]) from None
