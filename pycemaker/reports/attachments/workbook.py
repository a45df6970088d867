"""Workbook of the interval's samples and their summary: a summary sheet, then a sheet for each metric.

XlsxWriter writes each line to the disk at once. It took 2.7 s for a day of samples, where openpyxl's write-only mode
took 4.0 s, and it writes every text as text, never as a formula.
"""

import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pycemaker import i18n
from pycemaker.analysis.criticity import criticity
from pycemaker.analysis.metric_summary import MetricSummary
from pycemaker.analysis.rates import rate_unit
from pycemaker.i18n.language import N_, _
from pycemaker.metrics import Metric
from pycemaker.reports.attachments.sample_table import SampleTable
from pycemaker.series.period import MetricPeriod
from pycemaker.window import from_epoch_ms

_DAYS_TO_1970 = 25569
_DAY_MS = 86_400_000
_TIME, _FINE_TIME = "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd hh:mm:ss.000"
_FORMATS = {"ratio": "0.0%", "seconds": '0.000" s"', "requests": "0.##", "per_minute": "0.##", "per_second": "0.##"}
_ANY_NUMBER = "General"
_UNITS = {
    "ratio": N_("de 0 a 100%"),
    "seconds": N_("em segundos"),
    "requests": N_("contagem de cada amostra"),
    "per_minute": N_("por minuto"),
    "per_second": N_("por segundo"),
}
_COLUMNS = {
    "value": N_("Leitura"),
    "value_min": N_("Menor"),
    "value_mean": N_("Média"),
    "value_max": N_("Maior"),
    "samples": N_("Amostras"),
}


class Workbook:
    """Writes a workbook, a metric at a time. `zone`: of the readers: each time is in their zone and in UTC."""

    def __init__(self, path: Path, title: str, zone: ZoneInfo) -> None:
        import xlsxwriter

        self._zone = zone
        self._book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_formulas": False})
        self._book.set_properties({"title": title})
        self._formats: dict[str, Any] = {}
        self._bold = self._book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._summary = self._sheet(_("Resumo"), self._summary_heads(), 24)
        self._lines = 0

    def add(self, part: MetricPeriod, summary: MetricSummary, lines: SampleTable) -> None:
        """Write a metric's line of the summary, and its samples."""
        self._lines += 1
        self._write(self._summary, self._lines, self._summary_row(replace(part.metric, unit=rate_unit(part)), summary))
        unit = _unit_phrase(part.metric)
        heads = [f"{_(_COLUMNS[name])} ({unit})" if name != "samples" else _(_COLUMNS[name]) for name in lines.numbers]
        taken = {sheet.name.lower() for sheet in self._book.worksheets()}
        name = part.metric.id if _sheet_name(part.label).lower() in taken else part.label
        times = [_("Horário ({zone})", zone=self._zone.key), _("Horário (UTC)")]
        sheet = self._sheet(name, [*times, *heads, _("Criticidade")], 22)
        self._write_lines(sheet, lines, _FORMATS.get(part.metric.unit, _ANY_NUMBER))

    def close(self) -> None:
        """Finish the file."""
        self._book.close()

    def _sheet(self, name: str, heads: list[str], width: int) -> Any:
        sheet = self._book.add_worksheet(_sheet_name(name))
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(heads) - 1, width)
        for column, head in enumerate(heads):
            sheet.write_string(0, column, head, self._bold)
        return sheet

    def _summary_heads(self) -> list[str]:
        zone = self._zone.key
        return [
            *(_("Métrica"), _("Unidade"), _("Amostras"), _("Amostras esperadas")),
            *(_("Média"), _("Média do período anterior"), _("Variação")),
            *(_("Menor"), _("Menor: quando ({zone})", zone=zone), _("Maior"), _("Maior: quando ({zone})", zone=zone)),
            *(_("Pior criticidade"), _("Parte das amostras")),
        ]

    def _summary_row(self, metric: Metric, summary: MetricSummary) -> list[tuple[Any, str]]:
        """The cells, each with its number format."""
        own, ends = _FORMATS.get(metric.unit, _ANY_NUMBER), []
        for extreme in (summary.lowest, summary.highest):
            when = self._local(extreme.first_ms) if extreme else None
            ends += [(extreme.reading if extreme else None, own), (when, _TIME)]
        worst = summary.worst
        return [
            *((_(metric.label), ""), (_unit_phrase(metric), ""), (summary.received, "0"), (summary.expected, "0")),
            *((summary.mean, own), (summary.previous_mean, own), (summary.growth, "+0.0%;-0.0%")),
            *ends,
            (criticity(worst).label if worst else i18n.NOTHING, ""),
            (summary.shares[worst] if worst else None, "0.0%"),
        ]

    def _write_lines(self, sheet: Any, lines: SampleTable, own: str) -> None:
        fine, number = self._format(_FINE_TIME if not lines.step_seconds else _TIME), self._format(own)
        labels = [criticity(name).label for name in lines.criticity_names]
        utc = (lines.time_ms / _DAY_MS + _DAYS_TO_1970).tolist()
        offsets = self._offsets_days(lines)
        columns = {name: column.tolist() for name, column in lines.numbers.items()}
        for line, code in enumerate(lines.criticity.tolist()):
            sheet.write_number(line + 1, 0, utc[line] + offsets[line], fine)
            sheet.write_number(line + 1, 1, utc[line], fine)
            for column, (name, numbers) in enumerate(columns.items(), 2):
                if math.isfinite(numbers[line]):
                    sheet.write_number(line + 1, column, numbers[line], None if name == "samples" else number)
            sheet.write_string(line + 1, 2 + len(columns), labels[code])

    def _offsets_days(self, lines: SampleTable) -> list[float]:
        """The readers' offset from UTC at each line, in days; computed once a quarter of an hour."""
        known: dict[int, float] = {}
        offsets = []
        for time_ms in lines.time_ms.tolist():
            quarter = time_ms // 900_000  # clock changes are at its ends
            if quarter not in known:
                known[quarter] = self._local(time_ms) - (time_ms / _DAY_MS + _DAYS_TO_1970)
            offsets.append(known[quarter])
        return offsets

    def _local(self, time_ms: int) -> float:
        """The readers' wall time as a spreadsheet's count of days."""
        local = from_epoch_ms(time_ms).astimezone(self._zone).replace(tzinfo=None)
        return (local - datetime(1970, 1, 1)).total_seconds() / 86_400 + _DAYS_TO_1970  # noqa: DTZ001 - wall time

    def _write(self, sheet: Any, row: int, cells: list[tuple[Any, str]]) -> None:
        for column, (content, pattern) in enumerate(cells):
            if isinstance(content, str):
                sheet.write_string(row, column, content)
            elif content is not None:
                sheet.write_number(row, column, content, self._format(pattern))

    def _format(self, pattern: str) -> Any:
        if pattern not in self._formats:
            self._formats[pattern] = self._book.add_format({"num_format": pattern})
        return self._formats[pattern]


def _unit_phrase(metric: Metric) -> str:
    return _(_UNITS.get(metric.unit, metric.unit))


def _sheet_name(name: str) -> str:
    """The name without characters that a sheet's name may not have, cut to 31."""
    return "".join(c for c in name if c not in r"[]:*?/\'")[:31] or "-"
