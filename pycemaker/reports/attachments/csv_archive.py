"""CSV archive of the interval's samples and their summary (RFC 4180, UTF-8): one ZIP, a file for each metric.

Each metric has its own unit and its own instants, and a week of one metric (120,960 lines) opens in every spreadsheet,
where a week of all (725,760) opens in few.

| file | columns |
|---|---|
| `<metric>.csv` | `time_utc`, `value_<unit>`, `criticity`: a line a sample, oldest first |
| aggregated | `time_utc`, `value_min_<unit>`, `value_mean_<unit>`, `value_max_<unit>`, `samples`, `criticity` |
| `summary.csv` | a line a metric: samples received and expected, means, growth, extremes and their instants |
| `criticity.csv` | a line for each criticity of a metric: its share of the samples with a reading |

Times are ISO 8601 in UTC with milliseconds and `Z`. An aggregated line has the instant at which its seconds begin, and
the worst criticity of its samples. Units are `ratio` (0 to 1), `seconds` and, of samples, `requests_per_sample`: the
count since the sample before. The summary has rates, as the report has: `requests_per_minute` or `_per_second`. A field
is empty where a sample has no finite reading, and where a number is undefined.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from pycemaker.analysis.metric_summary import Extreme, MetricSummary
from pycemaker.analysis.rates import rate_unit
from pycemaker.metrics import Metric
from pycemaker.reports.attachments.sample_table import SampleTable
from pycemaker.series.csv_lines import csv_lines
from pycemaker.series.period import MetricPeriod
from pycemaker.window import from_epoch_ms, to_iso_text

_UNITS = {"requests": "requests_per_sample", "per_minute": "requests_per_minute", "per_second": "requests_per_second"}
_LINES = 20_000  # Lines made at a time: a megabyte
_SUMMARY = (
    *("metric", "unit", "samples_received", "samples_expected", "mean", "previous_mean", "growth_ratio"),
    *("lowest", "lowest_first_utc", "lowest_times", "highest", "highest_first_utc", "highest_times"),
)
_CRITICITY = ("metric", "criticity", "share_ratio")


class CsvArchive:
    """Writes a ZIP of CSV files, a metric at a time. `path`: of the file."""

    def __init__(self, path: Path) -> None:
        self._zip = ZipFile(path, "w", ZIP_DEFLATED, compresslevel=6)
        self._summaries: list[tuple[Metric, MetricSummary]] = []

    def add(self, part: MetricPeriod, summary: MetricSummary, lines: SampleTable) -> None:
        """Write a metric's samples."""
        with self._zip.open(f"{part.metric.id}.csv", "w", force_zip64=True) as file:
            for piece in csv_pieces(part.metric, lines):
                file.write(piece)
        self._summaries.append((replace(part.metric, unit=rate_unit(part)), summary))

    def close(self) -> None:
        """Write the summary, and the archive's end."""
        self._zip.writestr("summary.csv", _csv(_SUMMARY, (_summary_row(*each) for each in self._summaries)))
        self._zip.writestr("criticity.csv", _csv(_CRITICITY, _criticity_rows(self._summaries)))
        self._zip.close()


def csv_pieces(metric: Metric, lines: SampleTable) -> Iterator[bytes]:
    """A metric's CSV with a header, in pieces of some lines."""
    columns = [
        f"{name}_{_UNITS.get(metric.unit, metric.unit)}" if name.startswith("value") else name for name in lines.numbers
    ]
    yield ",".join(["time_utc", *columns, "criticity"]).encode() + b"\r\n"
    names = [not_a_formula(name) for name in lines.criticity_names]
    for start in range(0, len(lines), _LINES):
        some = lines.part(start, start + _LINES)
        yield csv_lines(some.time_ms, list(some.numbers.values()), some.criticity, names, b"\r\n")


def not_a_formula(text: str) -> str:
    """The text, with an apostrophe before one that a spreadsheet would compute (owasp.org, CSV Injection)."""
    return f"'{text}" if text[:1] in set("=+-@\t\r") else text


def _csv(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)  # RFC 4180: its default dialect ends lines in CRLF
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _summary_row(metric: Metric, summary: MetricSummary) -> list[Any]:
    return [
        *(metric.id, _UNITS.get(metric.unit, metric.unit), summary.received, summary.expected),
        *(summary.mean, summary.previous_mean, summary.growth),
        *_extreme(summary.lowest),
        *_extreme(summary.highest),
    ]


def _extreme(extreme: Extreme | None) -> list[Any]:
    if extreme is None:
        return [None, None, None]
    return [extreme.reading, to_iso_text(from_epoch_ms(extreme.first_ms)), extreme.times]


def _criticity_rows(summaries: Iterable[tuple[Metric, MetricSummary]]) -> Iterator[list[Any]]:
    for metric, summary in summaries:
        for name, share in summary.shares.items():
            yield [metric.id, not_a_formula(name), share]
