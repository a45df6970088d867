"""Cache of a notebook's pictures: mail and page show the same ones, and a chart takes its exporter seconds."""

import json
from typing import Any

from pycemaker.reports.chart_exporters import chart_library, draw_chart
from pycemaker.reports.pictures import RASTER, SHARPNESS, SVG, MailPicture, PictureUnusable, decoded, mail_picture
from pycemaker.reports.tex_formulas import draw_formula


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
            return draw_formula(content)
        if kind == SVG and content.lstrip().startswith("<"):
            return mail_picture(kind, content.encode(), width)
        return mail_picture(kind, decoded(content), width)
