"""Makes each picture of a notebook once, however often the notebook is cut down: a chart takes its exporter seconds."""

from __future__ import annotations

import json
from typing import Any

from pycemaker.reports.charts import chart_library, draw_chart
from pycemaker.reports.formulas import draw_formula
from pycemaker.reports.pictures import RASTER, SHARPNESS, SVG, MailPicture, PictureUnusable, decoded, mail_picture


class PictureCache:
    """Makes pictures out of outputs and files, and keeps them."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str, float | None], MailPicture | PictureUnusable] = {}

    def picture(self, kind: str, content: Any, width: float | None = None) -> MailPicture:
        """The output or file of this media type as a picture. Raises PictureUnusable."""
        key = (kind, content if isinstance(content, str) else json.dumps(content), width)
        if key not in self._made:
            try:
                self._made[key] = self._make(kind, content, width)
            except PictureUnusable as error:
                self._made[key] = error
        made = self._made[key]
        if isinstance(made, PictureUnusable):
            raise made
        return made

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
