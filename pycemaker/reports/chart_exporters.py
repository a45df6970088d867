"""Charts of plotly and altair as pictures, drawn by their libraries' exporters where those are installed.

plotly draws with kaleido (which starts a Chromium), altair's Vega-Lite and Vega with vl-convert (which needs none).
Neither is a requirement of this project; without them a sentence replaces the chart.
"""

import json
import re
from importlib.util import find_spec
from typing import Any

from pycemaker.presentation.mail_width import CONTENT_WIDTH
from pycemaker.reports.pictures import SHARPNESS, PictureUnusable

PLOTLY = "application/vnd.plotly.v1+json"
_VEGA = re.compile(r"application/vnd\.(vegalite|vega)\.v(\d+)(?:\.\d+)*\+json")


def chart_library(kind: str) -> str:
    """The library that shows this media type: `plotly` or `altair`; empty for any other type."""
    return "plotly" if kind == PLOTLY else "altair" if _VEGA.fullmatch(kind) else ""


def draw_chart(kind: str, spec: Any) -> bytes:
    """A chart as PNG, `CONTENT_WIDTH` wide, at twice the pixels.

    Raises:
        PictureUnusable: its exporter is not installed, or fails.
    """
    exporter = "kaleido" if kind == PLOTLY else "vl_convert"
    if find_spec(exporter) is None or (kind == PLOTLY and find_spec("plotly") is None):
        raise PictureUnusable(f"{exporter.replace('_', '-')} is not installed, which would make it a picture")
    try:
        return _plotly(spec) if kind == PLOTLY else _vega(kind, spec)
    except Exception as error:  # exporters raise whatever their browser or engine does
        raise PictureUnusable(f"{exporter.replace('_', '-')} does not draw it ({type(error).__name__})") from error


def _plotly(spec: Any) -> bytes:
    from plotly import io

    figure = io.from_json(json.dumps(spec), skip_invalid=True)
    return bytes(io.to_image(figure, format="png", width=CONTENT_WIDTH, scale=SHARPNESS))


def _vega(kind: str, spec: Any) -> bytes:
    import vl_convert

    text = json.dumps(spec)
    if "/vnd.vegalite." in kind:
        return bytes(vl_convert.vegalite_to_png(text, scale=SHARPNESS, allowed_base_urls=[]))
    return bytes(vl_convert.vega_to_png(text, scale=SHARPNESS, allowed_base_urls=[]))


def show_specifications(shell: Any) -> None:
    """Make a kernel's altair charts carry their specification, besides the HTML that needs a script.

    Nothing is imported for it: IPython looks a class up by its name when the first instance is shown.
    """
    formatter = shell.display_formatter.mimebundle_formatter
    for version in ("v5", "v6"):
        formatter.for_type_by_name(f"altair.vegalite.{version}.api", "TopLevelMixin", _with_specification)


def _with_specification(chart: Any, include: Any = None, exclude: Any = None) -> Any:
    bundle = chart._repr_mimebundle_(include, exclude)  # as IPython itself would call it
    version = type(chart).__module__.split(".")[2] if type(chart).__module__.startswith("altair.") else "v6"
    specification = {f"application/vnd.vegalite.{version}+json": chart.to_dict()}
    return (bundle[0] | specification, *bundle[1:]) if isinstance(bundle, tuple) else bundle | specification
