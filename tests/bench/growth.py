"""The growth of a read's cost with the history in the database: one metric, 1, 14 and 365 days, drawn."""

from __future__ import annotations

import http.client
import math
import os
import statistics
from pathlib import Path
from typing import Any

from tests.bench.data import load_cpu, mongod
from tests.bench.serving import Served, fetch, get_seconds, ours, wait_until_ready, wrk
from tests.bench.table import DASHBOARDS, dashboard, interval_path, tail_path

DAYS = (1, 14, 365)
PICTURE = Path(__file__).parents[2] / "docs" / "images" / "reads-growth.png"
STARTS = 3
"""The number of server starts for the first request after a start, of which the median is taken."""

Figures = dict[str, list[float | None]]
Measured = dict[str, float | None]
"""By what was done, milliseconds; None where the history is too short for it."""

COLORS = ("#1f5fbf", "#b3541e", "#2f7d32", "#7a3fb0", "#a02c5a", "#5f6b1e", "#31708f")


def main() -> None:
    """Measure at each size, print, draw."""
    cold: Figures = {}
    warm: Figures = {}
    for days in DAYS:
        with mongod() as (server, folder):
            url = f"{server}/growth"
            print(f"{load_cpu(url, days):,} documents, {days} days; load: {os.getloadavg()}", flush=True)
            _note(cold, "cold", _measure_cold(url, folder, days))
            _note(warm, "warm", _measure_warm(url, folder, days))
    draw(cold, warm)


def _note(figures: Figures, state: str, measured: Measured) -> None:
    for name, milliseconds in measured.items():
        figures.setdefault(name, []).append(milliseconds)
        print(f"  {name + ', ' + state:<46} {'-' if milliseconds is None else f'{milliseconds:.3f} ms'}", flush=True)


def _measure_cold(url: str, folder: Path, days: int) -> Measured:
    with ours(url, folder, CACHE_MB="0") as own:
        wait_until_ready(own, tail_path(1))
        paths = {"tail of 1 h": tail_path(1), "tail of 24 h": tail_path(24), "interval of 24 h": interval_path(24)}
        cold: Measured = {
            name: statistics.median(get_seconds(own, path) * 1000 for _ in range(7)) for name, path in paths.items()
        }
    firsts: list[tuple[float, float]] = []
    for _ in range(STARTS if days >= 7 else 0):
        with ours(url, folder) as own:
            points = get_seconds(own, f"{tail_path(168)}?max_points=1000") * 1000
        with ours(url, folder) as own:
            firsts.append((points, get_seconds(own, tail_path(168)) * 1000))
    points_ms, week_ms = map(statistics.median, zip(*firsts, strict=True)) if firsts else (None, None)
    return {**cold, "tail of 168 h": week_ms, "max_points=1000 of 168 h": points_ms}


def _measure_warm(url: str, folder: Path, days: int) -> Measured:
    with ours(url, folder) as own:
        wait_until_ready(own, tail_path(1))
        paths = {"tail of 1 h": tail_path(1), "tail of 24 h": tail_path(24), "interval of 24 h": interval_path(24)}
        warm: Measured = {name: _each_ms(own, path) for name, path in paths.items()}
        warm["tail of 168 h"] = _each_ms(own, tail_path(168)) if days >= 7 else None
        warm["a poll with nothing new (304)"] = _each_ms(own, tail_path(1), _if_none_match(own, tail_path(1)))
        load = wrk(own.url, DASHBOARDS, 12, script=dashboard(DASHBOARDS, ("cpu",)))
        warm[f"{DASHBOARDS:,} dashboards, p99"] = load.p99_ms
    return warm


def _each_ms(own: Served, path: str, header: str | None = None) -> float:
    """The time of one answer where four ask at a time: the inverse of the answers a second."""
    fetch(http.client.HTTPConnection("127.0.0.1", own.port, timeout=60), path)
    return 1000 / statistics.median(wrk(own.url + path, 4, header=header).per_second for _ in range(5))


def _if_none_match(own: Served, path: str) -> str:
    tag = fetch(http.client.HTTPConnection("127.0.0.1", own.port, timeout=60), path).getheader("ETag")
    return f"If-None-Match: {tag}"


def draw(cold: Figures, warm: Figures) -> None:
    """The picture: what MongoDB has to find on the left, what is in memory on the right, the same scales."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, both = plt.subplots(1, 2, figsize=(11, 4.8), dpi=100, layout="constrained", sharey=True)
    names = list(dict.fromkeys([*cold, *warm]))
    for axes, title, figures in zip(both, ("memory empty", "out of memory"), (cold, warm), strict=True):
        _draw_one(axes, figures, names)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set(xscale="log", yscale="log", xlabel="days of samples in the database (17,280 a day)")
        axes.set_xticks(DAYS, [str(day) for day in DAYS])
        axes.set_xlim(0.8, 90_000)
        axes.minorticks_off()
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    both[0].set_ylabel("ms a request")
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE)


def _draw_one(axes: Any, figures: Figures, names: list[str]) -> None:
    lowest_free = -math.inf
    for name, each in sorted(figures.items(), key=lambda one: one[1][-1] or 0):
        color = COLORS[names.index(name) % len(COLORS)]
        known = [(day, value) for day, value in zip(DAYS, each, strict=True) if value is not None]
        days, values = zip(*known, strict=True)
        axes.plot(days, values, "o-", color=color, linewidth=1.5, markersize=4)
        lowest_free = max(math.log10(values[-1]), lowest_free)  # labels one above the other, none on another
        axes.annotate(
            f"  {name}, {_text(values[-1])} ms", (days[-1], 10**lowest_free), color=color, fontsize=8, va="center"
        )
        lowest_free += 0.21


def _text(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"
