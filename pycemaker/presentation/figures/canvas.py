"""The canvas of every figure: theme, text placed in CSS pixels, encoding as a small PNG.

A figure is as wide as the mail's content, drawn at twice that, on opaque white (dark mode swallows transparent ones),
with a palette (a third of the bytes). Nothing but `use_fonts` and `picture`, which closes its figure, touches
matplotlib's global state; its inline backend draws twice.
"""

import io
import json
import logging
import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from pycemaker import brand
from pycemaker.i18n.language import _, pgettext
from pycemaker.presentation.mail_width import CONTENT_WIDTH
from pycemaker.settings import TEMPLATES

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # its first import says that it builds a cache

WIDTH = CONTENT_WIDTH
FONT_PIXELS = 18
"""Large enough for a telephone: a mail 360 CSS pixels wide shows a figure at 352, and its text at 11."""

HEAD_Y, KEY_Y = 12, 40
"""The height of a figure's title and of its key, from the top."""


CSS_DPI = 96
_SHARPNESS = 2
_MOST_COLORS = 64
_ALMOST_WHITE = 252  # what the palette makes of white
FONT = "DejaVu Sans"
"""The font of figures: matplotlib brings it along, so they look the same on every machine."""

MORE_SIGNS = {
    "Chinese, Japanese and Korean": (
        *("Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK KR", "Noto Sans JP", "Source Han Sans"),
        *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "IPAGothic", "Hiragino Sans", "PingFang SC", "Yu Gothic"),
        *("Microsoft YaHei", "Malgun Gothic"),
    ),
    "emoji": ("Noto Emoji", "Symbola", "Segoe UI Emoji", "Segoe UI Symbol"),
}
"""Fonts that matplotlib draws the signs of that `FONT` lacks, by what they are; a colour emoji font is none of them."""

FONT_POINTS = FONT_PIXELS * 72 / CSS_DPI
_THEME: dict[Any, Any] = {"font.size": FONT_POINTS, "text.parse_math": False, "lines.solid_capstyle": "round"}


@dataclass(frozen=True)
class Picture:
    """A drawn figure: Jupyter shows it, and the mail takes its file name and its sentence from it.

    Attributes:
        name: its file name; no other figure of a report should have it.
        alt: the sentence that stands for it.
        shown_as: the text beside the figure that pyplot may have shown of it before; empty for any other.
    """

    name: str
    png: bytes = field(repr=False)
    alt: str
    width: int
    height: int
    shown_as: str = ""

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        content = {"image/png": b64encode(self.png).decode(), "text/plain": self.alt}
        shown = {"width": self.width, "height": self.height, "alt": self.alt}
        before = {"pycemaker": {"shown_as": self.shown_as}} if self.shown_as else {}
        return content, {"filename": self.name, "image/png": shown} | before


def tint(part: str) -> str:
    """The colour of a part of figures, of `figures` in the brand."""
    return brand.load().figure(part)


def theme() -> AbstractContextManager[None]:
    """The theme, for as long as a figure is drawn."""
    import matplotlib as mpl

    return mpl.rc_context(_THEME | {"font.family": list(font_families()), "text.color": tint("ink")})


@cache
def font_families() -> tuple[str, ...]:
    """`FONT`, then the installed fonts that have more signs: matplotlib looks each sign up in this order."""
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return (FONT, *(name for names in MORE_SIGNS.values() for name in names if name in installed))


def use_fonts() -> None:
    """Have a notebook's own figures drawn with the same fonts, for as long as it sets none."""
    import matplotlib as mpl

    mpl.rcParams["font.family"] = list(font_families())


def style() -> dict[str, Any]:
    """The look of figures, of `notebooks/templates/figures.json` and the brand, as a matplotlib style.

    `plt.style.use(style())` for a notebook, `with plt.style.context(style()):` for one figure.
    """
    from cycler import cycler

    own = brand.load()
    return {
        **json.loads(brand.style_sheet(TEMPLATES / "figures.json") or "{}"),
        "figure.figsize": (WIDTH / CSS_DPI, 284 / CSS_DPI),
        "figure.dpi": 2 * CSS_DPI,
        "font.family": list(font_families()),
        "font.size": FONT_POINTS,
        "axes.prop_cycle": cycler(color=[*own.metrics.values(), *own.spare]),
        "date.autoformatter.day": "%d/%m" if pgettext("date", "dd/MM") == "dd/MM" else "%b %d",
    }


class Sheet:
    """One figure being drawn, with one pair of axes.

    Args:
        margins: CSS pixels around the axes: `left`, `right`, `top`, `bottom`.
    """

    def __init__(self, height: int, margins: Mapping[str, int]) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.height = height
        self.left, self.top, self.bottom = margins["left"], margins["top"], height - margins["bottom"]
        size = (WIDTH / CSS_DPI, height / CSS_DPI)
        self.figure = Figure(figsize=size, dpi=CSS_DPI * _SHARPNESS, facecolor="white")
        self._canvas = FigureCanvasAgg(self.figure)
        left, bottom = margins["left"] / WIDTH, margins["bottom"] / height
        box = (left, bottom, 1 - left - margins["right"] / WIDTH, 1 - bottom - margins["top"] / height)
        self.axes = self.figure.add_axes(box)
        self.axes.set_axis_off()
        self.axes.set(xlabel=" ", ylabel=" ")  # seaborn then names no axis, for which it would make all ticks: 5 ms

    def set_ends(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        """Set where the axes start and end."""
        self.axes.set_xlim(x)
        self.axes.set_ylim(y)

    def to_pixels(self, x: float, y: float) -> tuple[float, float]:
        """A point of the axes in CSS pixels, from the left and from the top."""
        display = self.axes.transData.transform((x, y)) / _SHARPNESS
        return float(display[0]), float(self.height - display[1])

    def write(self, x: float, y: float, text: str, **style: Any) -> None:
        """Text whose left middle is `x` from the left and `y` from the top, both in CSS pixels."""
        self.figure.text(x / WIDTH, 1 - y / self.height, text, va="center_baseline", **style)

    def write_centred(self, x: float, y: float, text: str, **style: Any) -> None:
        """Text around `x`, moved as far as the figure's edge asks for."""
        half = self.width_of(text) / 2
        self.write(min(max(x, half), WIDTH - half), y, text, ha="center", **style)

    def mark(self, x: float, y: float, *, color: str, thickness: float, alpha: float = 1.0) -> None:
        """A key's mark: a bar 16 CSS pixels wide beside a word, its left middle at `x` and `y`."""
        self.block((x, y - thickness / 2), (16, thickness), color=color, alpha=alpha)

    def block(self, corner: tuple[float, float], size: tuple[float, float], *, color: str, alpha: float = 1.0) -> None:
        """A filled rectangle: its upper left corner from the left and the top, its width and height, in CSS pixels."""
        from matplotlib.patches import Rectangle

        (x, y), (width, height) = corner, size
        low = (x / WIDTH, 1 - (y + height) / self.height)
        shape = Rectangle(low, width / WIDTH, height / self.height, color=color, alpha=alpha, linewidth=0)
        shape.set_transform(self.figure.transFigure)
        self.figure.add_artist(shape)

    def key(self, y: float, entries: Sequence[tuple[str, str, float, float]]) -> None:
        """Write the key, from the left on: a word, its colour, thickness and opacity for each entry."""
        x = 0.0
        for word, color, thickness, alpha in entries:
            self.mark(x, y, color=color, thickness=thickness, alpha=alpha)
            self.write(x + 22, y, word, color=tint("muted"))
            x += 22 + self.width_of(word) + 16

    def width_of(self, text: str, *, weight: str = "normal") -> float:
        """The drawn width of a text, in CSS pixels."""
        from matplotlib.font_manager import FontProperties

        font = FontProperties(family=list(font_families()), weight=weight, size=FONT_POINTS)
        renderer = self._canvas.get_renderer()  # type: ignore[no-untyped-call]
        return float(renderer.get_text_width_height_descent(text, font, False)[0]) / _SHARPNESS

    def finish(self, name: str, sentence: str) -> Picture:
        """Draw it and give the picture."""
        return _encode(self._canvas, name, sentence)


def picture(figure: Any, name: str, sentence: str) -> Picture:
    """A matplotlib figure of one's own as a picture of the report, scaled to the report's width.

    pyplot closes the figure, so that the end of the cell does not show it a second time.

    Args:
        figure: a `matplotlib.figure.Figure` (of seaborn's: `axes.figure`, `grid.figure`).
        name: file name without its ending; each figure of a report has its own.
        sentence: what it shows, for readers who do not see it; translated where the catalogues have it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    shown_as = _closed_by_pyplot(figure)
    figure.set_dpi(_SHARPNESS * WIDTH / figure.get_size_inches()[0])
    return replace(_encode(FigureCanvasAgg(figure), name, _(sentence)), shown_as=shown_as)


def _closed_by_pyplot(figure: Any) -> str:
    """The figure's text where pyplot has closed it, as it does after showing it; else closes it, and is empty."""
    plt = sys.modules.get("matplotlib.pyplot")
    if plt is None:
        return ""
    number, manager = getattr(figure, "number", None), figure.canvas.manager
    is_closed = number is not None and (manager is None or not plt.fignum_exists(number))
    text = repr(figure) if is_closed else ""
    plt.close(figure)
    return text


def _encode(canvas: Any, name: str, sentence: str) -> Picture:
    from PIL import Image

    canvas.draw()
    width, height = canvas.get_width_height(physical=True)
    pixels = Image.frombuffer("RGBA", (width, height), canvas.buffer_rgba(), "raw", "RGBA", 0, 1).convert("RGB")
    few = pixels.quantize(_MOST_COLORS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.putpalette([255 if level >= _ALMOST_WHITE else level for level in few.getpalette() or []])
    encoded = io.BytesIO()
    few.save(encoded, "PNG", compress_level=6)
    return Picture(f"{name}.png", encoded.getvalue(), sentence, width // _SHARPNESS, height // _SHARPNESS)
