"""The look of the report's figures as a matplotlib style, for figures of a notebook's own."""

from __future__ import annotations

from typing import Any

from pycemaker import brand
from pycemaker.i18n.language import pgettext
from pycemaker.presentation.figures.canvas import FONT_POINTS, WIDTH, font_families, tint

_INCH_PIXELS = 96
_HEIGHT = 284


def style() -> dict[str, Any]:
    """The style: `plt.style.use(style())` for a notebook, `with plt.style.context(style()):` for one figure.

    Size, fonts, colours of the brand (the metrics' first) and grid are those of `course`; times on an axis are written
    as there.
    """
    from cycler import cycler

    own = brand.load()
    day = "%d/%m" if pgettext("date", "dd/MM") == "dd/MM" else "%b %d"
    muted = dict.fromkeys(
        ("xtick.labelcolor", "ytick.labelcolor", "axes.labelcolor", "legend.labelcolor"), tint("muted")
    )
    bare = dict.fromkeys(("axes.spines.left", "axes.spines.right", "axes.spines.top", "axes.spines.bottom"), False)
    flat = dict.fromkeys(("xtick.major.size", "xtick.minor.size", "ytick.major.size", "ytick.minor.size"), 0)
    apart = dict.fromkeys(("xtick.major.pad", "ytick.major.pad"), 8)
    times = {f"date.autoformatter.{unit}": "%H:%M" for unit in ("hour", "minute")}
    return {
        "figure.figsize": (WIDTH / _INCH_PIXELS, _HEIGHT / _INCH_PIXELS),
        "figure.dpi": 2 * _INCH_PIXELS,
        "figure.facecolor": "white",
        "figure.constrained_layout.use": True,
        "font.family": list(font_families()),
        "font.size": FONT_POINTS,
        "text.color": tint("ink"),
        "text.parse_math": False,
        "axes.titlesize": "medium",
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlecolor": tint("ink"),
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "axes.xmargin": 0,
        "axes.prop_cycle": cycler(color=[*own.metrics.values(), *own.spare]),
        "grid.color": tint("rule"),
        "grid.linewidth": 0.75,
        "lines.linewidth": 1.3,
        "lines.solid_capstyle": "round",
        "legend.frameon": False,
        "legend.loc": "upper left",
        "date.autoformatter.day": day,
        **muted,
        **bare,
        **flat,
        **apart,
        **times,
    }
