"""Cache of a notebook's pictures: mail and page show the same ones, and a chart takes its exporter seconds."""

import io
import json
import re
from typing import Any

from pycemaker.reports.chart_exporters import chart_library, draw_chart
from pycemaker.reports.pictures import RASTER, SHARPNESS, SVG, MailPicture, PictureUnusable, decoded, mail_picture

_PIXELS_PER_INCH, _POINTS = 192, 14  # of a formula, which is drawn at twice its shown size


class PictureCache:
    """Converts outputs and files to pictures, each once."""

    def __init__(self) -> None:
        self._pictures: dict[tuple[str, str, float | None], MailPicture | PictureUnusable] = {}

    def picture(self, kind: str, content: Any, width: float | None = None) -> MailPicture:
        """The output or file of this media type as a picture. Raises PictureUnusable."""
        key = (kind, content if isinstance(content, str) else json.dumps(content), width)
        if key not in self._pictures:
            try:
                self._pictures[key] = self._make(kind, content, width)
            except PictureUnusable as error:
                self._pictures[key] = error
        picture = self._pictures[key]
        if isinstance(picture, PictureUnusable):
            raise picture
        return picture

    @staticmethod
    def _make(kind: str, content: Any, width: float | None) -> MailPicture:
        if chart_library(kind):
            drawn = draw_chart(kind, content)
            return mail_picture(RASTER[0], drawn, int.from_bytes(drawn[16:20]) / SHARPNESS)
        if kind == "text/latex":
            return _draw_formula(content)
        if kind == SVG and content.lstrip().startswith("<"):
            return mail_picture(kind, content.encode(), width)
        return mail_picture(kind, decoded(content), width)


def _draw_formula(source: str) -> MailPicture:
    """A formula set by matplotlib, which knows the TeX that most notebooks use. Raises PictureUnusable of other TeX."""
    from matplotlib import mathtext
    from matplotlib.font_manager import FontProperties

    formula = re.sub(r"\\displaystyle|\n", " ", source.strip().strip("$")).strip()
    drawn, font = io.BytesIO(), FontProperties(size=_POINTS)
    try:
        mathtext.math_to_image(f"${formula}$", drawn, prop=font, dpi=_PIXELS_PER_INCH, format="png")
    except (ValueError, RuntimeError) as error:
        raise PictureUnusable(f"its TeX is not set ({type(error).__name__})") from error
    picture = mail_picture(RASTER[0], drawn.getvalue())
    return mail_picture(RASTER[0], drawn.getvalue(), picture.width / 2)
