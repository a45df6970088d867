"""How the cost of a read grows with what is in the database: one metric, 1, 14 and 365 days of it, drawn."""

from __future__ import annotations

import os
import statistics
from pathlib import Path

from tests.bench.data import load_cpu, mongod
from tests.bench.serving import get_seconds, ours, wait_until_ready, wrk
from tests.bench.table import interval_path, tail_path

DAYS = (1, 14, 365)
PICTURE = Path(__file__).parents[2] / "docs" / "images" / "reads-growth.png"

Figures = dict[str, list[float | None]]


def main() -> None:
    """Measure at each size, print, draw."""
    figures: Figures = {}
    for days in DAYS:
        with mongod() as (server, folder):
            url = f"{server}/growth"
            print(f"{load_cpu(url, days):,} documents, {days} days; load: {os.getloadavg()}", flush=True)
            for name, milliseconds in _measure(url, folder, days).items():
                figures.setdefault(name, []).append(milliseconds)
                print(f"  {name:<36} {'-' if milliseconds is None else f'{milliseconds:.3f} ms'}", flush=True)
    draw(figures)


def _measure(url: str, folder: Path, days: int) -> dict[str, float | None]:
    with ours(url, folder, CACHE_MB="0") as own:
        wait_until_ready(own, tail_path(1))
        cold = {
            f"{name}, cold": statistics.median(get_seconds(own, path) * 1000 for _ in range(7))
            for name, path in (("tail of 1 h", tail_path(1)), ("tail of 24 h", tail_path(24)))
        }
    with ours(url, folder) as own:
        week = days >= 7
        first = get_seconds(own, tail_path(168)) * 1000 if week else None
        warm = {
            f"{name}, warm": 1000 / statistics.median(wrk(own.url + path, 4).per_second for _ in range(5))
            for name, path in (("tail of 1 h", tail_path(1)), ("tail of 24 h", tail_path(24)),
                               ("interval of 24 h", interval_path(24)))
        }  # fmt: skip
        week_warm = 1000 / wrk(own.url + tail_path(168), 4, 4).per_second if week else None
    return {**cold, "tail of 168 h, cold": first, **warm, "tail of 168 h, warm": week_warm}


def draw(figures: Figures) -> None:
    """The picture: a line each, cold dashed, both axes logarithmic."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.6), dpi=110, layout="constrained")
    colors = {
        "tail of 1 h": "#1f5fbf",
        "tail of 24 h": "#b3541e",
        "tail of 168 h": "#2f7d32",
        "interval of 24 h": "#7a3fb0",
    }
    for name, milliseconds in figures.items():
        known = [(day, each) for day, each in zip(DAYS, milliseconds, strict=True) if each is not None]
        work, _, state = name.partition(", ")
        days, values = zip(*known, strict=True)
        axes.plot(days, values, "o--" if state == "cold" else "o-", color=colors[work])
        axes.annotate(f"  {name}", (days[-1], values[-1]), color=colors[work], fontsize=8, va="center")
    axes.set(xscale="log", yscale="log", xlabel="days of samples in the database (17,280 a day)", ylabel="ms a request")
    axes.set_xticks(DAYS, [str(day) for day in DAYS])
    axes.set_xlim(0.8, 2600)
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE)
