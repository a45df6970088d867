"""The look of the report's figures as a matplotlib style: `notebooks/templates/figures.json`, and the brand."""

import json
from typing import Any

from pycemaker import brand
from pycemaker.i18n.language import pgettext
from pycemaker.presentation.figures.canvas import CSS_DPI, FONT_POINTS, WIDTH, font_families
from pycemaker.settings import TEMPLATES

_HEIGHT = 284


def style() -> dict[str, Any]:
    """The style: `plt.style.use(style())` for a notebook, `with plt.style.context(style()):` for one figure."""
    from cycler import cycler

    own = brand.load()
    return {
        **json.loads(brand.style_sheet(TEMPLATES / "figures.json") or "{}"),
        "figure.figsize": (WIDTH / CSS_DPI, _HEIGHT / CSS_DPI),
        "figure.dpi": 2 * CSS_DPI,
        "font.family": list(font_families()),
        "font.size": FONT_POINTS,
        "axes.prop_cycle": cycler(color=[*own.metrics.values(), *own.spare]),
        "date.autoformatter.day": "%d/%m" if pgettext("date", "dd/MM") == "dd/MM" else "%b %d",
    }
