"""The bar of a metric's criticities, cut into the share of each."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pycemaker import i18n
from pycemaker.analysis.criticity import MOST_CRITICITIES, Criticity, leading
from pycemaker.analysis.metric_summary import summarize_metric
from pycemaker.i18n.language import N_, _
from pycemaker.presentation.figures import alt_text
from pycemaker.presentation.figures.canvas import HEAD_Y, WIDTH, Picture, Sheet, theme, tint
from pycemaker.series.period import MetricPeriod

HEIGHT = 108
ROW = 28  # The height of the key's second row, where it takes one
STRIP = 12  # The height of the bar below a course
_MARGINS = {"left": 0, "right": 0, "top": 34, "bottom": 42}
_KEY_Y = HEIGHT - 16
_KEY_GAP = 18
_MOST_ROWS = 2
_NARROWEST_SHARE = 0.007


class _Part(NamedTuple):
    """A part of the bar: its label, colour and share, and how wide its key is in CSS pixels."""

    label: str
    color: str
    share: float
    width: float


def criticity_shares(part: MetricPeriod) -> Picture:
    """One bar cut into the share of each criticity, from the least bad to the worst.

    A share too small to see is drawn four pixels wide. Without a reading a sentence stands in its place.
    """
    summary = summarize_metric(part)
    with theme():
        sheet = Sheet(HEIGHT, _MARGINS)
        rows = _rows_that_fit(sheet, summary.shares)
        if len(rows) > 1:
            sheet = Sheet(HEIGHT + ROW, {**_MARGINS, "bottom": _MARGINS["bottom"] + ROW})
        sheet.write(0, HEAD_Y, _("Criticidade das amostras"), weight="bold")
        if rows:
            _plot_bar(sheet, [part for row in rows for part in row])
            _write_key(sheet, rows)
        else:
            sheet.write(0, HEIGHT / 2, i18n.absence(summary.received), color=tint("muted"))
        return sheet.finish(f"{part.metric.id}-criticity", alt_text.shares_sentence(part, summary))


def _rows_that_fit(sheet: Sheet, shares: Mapping[str, float], whole: str = "{share}") -> list[list[_Part]]:
    """The largest shares whose labels fit into the key, from the least bad to the worst; the rest as one.

    `whole` words the first share, and says of what all are.
    """
    rows: list[list[_Part]] = []
    for most in range(min(len(shares), MOST_CRITICITIES), 0, -1):
        words = (_(whole), *["{share}"] * (most - 1))
        rows = _broken([_part(sheet, *each, text) for each, text in zip(leading(shares, most), words, strict=False)])
        if len(rows) <= _MOST_ROWS:
            break
    return rows


def _broken(parts: Sequence[_Part]) -> list[list[_Part]]:
    """The parts in rows that are not wider than the figure."""
    rows: list[list[_Part]] = [[]]
    for part in parts:
        if rows[-1] and sum(each.width for each in rows[-1]) + part.width > WIDTH + _KEY_GAP:
            rows.append([])
        rows[-1].append(part)
    return rows


def _part(sheet: Sheet, word: Criticity, share: float, text: str) -> _Part:
    label = f"{word.label} {text.format(share=i18n.share(share))}"
    return _Part(label, word.color, share, 22 + sheet.width_of(label) + _KEY_GAP)


def _write_key(sheet: Sheet, rows: Sequence[Sequence[_Part]], key_y: float = _KEY_Y) -> None:
    for row, parts in enumerate(rows):
        x, y = 0.0, key_y + row * ROW
        for part in parts:
            sheet.mark(x, y, color=part.color, thickness=11)
            sheet.write(x + 22, y, part.label)
            x += part.width


def strip_rows(sheet: Sheet, shares: Mapping[str, float]) -> list[list[_Part]]:
    """The parts of a strip's key, in rows as wide as the figure; none without a share."""
    return _rows_that_fit(sheet, shares, N_("{share} das amostras"))


def draw_strip(sheet: Sheet, rows: Sequence[Sequence[_Part]], top: float) -> None:
    """A thin bar cut into the criticities' shares from `top` CSS pixels on, and its key below."""
    parts = [part for row in rows for part in row]
    drawn = np.maximum([part.share for part in parts], _NARROWEST_SHARE)
    ends = np.cumsum(drawn / drawn.sum()) * WIDTH
    for part, start, end in zip(parts, [0.0, *ends[:-1]], ends, strict=True):
        sheet.block((start, top), (end - start - (1.5 if end < WIDTH - 1 else 0), STRIP), color=part.color)
    _write_key(sheet, rows, top + STRIP + 18)


def _plot_bar(sheet: Sheet, parts: list[_Part]) -> None:
    """Bars from 0 to each running total, the longest first, so that each shows only its own end."""
    import seaborn as sns

    drawn = np.maximum([part.share for part in parts], _NARROWEST_SHARE)
    totals = np.cumsum(drawn / drawn.sum())[::-1]
    names = [str(index) for index in range(len(parts))]
    sns.barplot(
        x=totals,
        y=np.zeros(len(parts)),
        hue=names,
        palette=dict(zip(names, [part.color for part in reversed(parts)], strict=True)),
        orient="h",
        dodge=False,
        errorbar=None,
        saturation=1,
        legend=False,
        width=1,
        native_scale=True,
        edgecolor="white",
        linewidth=1.5,
        ax=sheet.axes,
    )
    sheet.axes.set(xlim=(0, 1), ylim=(-0.5, 0.5))
