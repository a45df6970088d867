"""The default rules: those of every application, which need no setting. Pure."""

from pycemaker.alerts.rule import Rule
from pycemaker.analysis.health import FAILING
from pycemaker.metrics import CPU, DISK, HTTP_FAIL, METRICS, RAM, RESPONSE_TIME
from pycemaker.monitor.alert_history import FORECAST, HEALTH, NO_DATA, THRESHOLD

SILENT_SECONDS = 300
"""The time without a sample after which a metric counts as silent, for every rule but one of NO_DATA of its own."""


def default_id(kind: str, metric: str) -> str:
    """The id of a default rule."""
    return kind if kind == metric else f"{kind}-{metric}"


def _threshold(metric: str, enter: float, leave: float) -> Rule:
    return Rule(default_id(THRESHOLD, metric), THRESHOLD, metric, enter, leave)


DEFAULT_RULES: tuple[Rule, ...] = (
    _threshold(CPU.id, 0.90, 0.80),
    _threshold(RAM.id, 0.95, 0.90),
    _threshold(DISK.id, 0.90, 0.85),
    _threshold(RESPONSE_TIME.id, 2.0, 1.0),
    _threshold(HTTP_FAIL.id, 1.0, 0.5),
    Rule(default_id(HEALTH, HEALTH), HEALTH, HEALTH, FAILING, 0.45),
    *(
        Rule(default_id(NO_DATA, metric.id), NO_DATA, metric.id, None, None, SILENT_SECONDS, 60)
        for metric in METRICS
        if metric is not RESPONSE_TIME  # an application that nobody asks has none
    ),
    *(
        Rule(default_id(FORECAST, metric.id), FORECAST, metric.id, metric.limit, None, 3600, 3600, 24)
        for metric in METRICS
        if metric.limit is not None
    ),
)
"""The rules of every application; each may be changed or turned off for one of them."""
