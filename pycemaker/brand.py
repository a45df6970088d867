"""Name, logo and colours of the reports: `notebooks/templates/brand.json`, which the mail's template and the notebooks'
tables both read. Colours are `#rrggbb`; the logo is an https address of a square picture, or empty for the initial.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from pycemaker.settings import ROOT

FILE = ROOT / "notebooks" / "templates" / "brand.json"
_PLACE = re.compile(r"\{\{ brand\.(\w+) \}\}")


def load(file: Path = FILE) -> dict[str, str]:
    """The brand; empty where only the package is installed."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


@cache
def style_sheet(path: Path) -> str:
    """A style sheet with its `{{ brand.name }}`s filled in, for Jupyter; empty where only the package is installed."""
    if not path.exists():
        return ""
    brand = load()
    return _PLACE.sub(lambda match: brand[match[1]], path.read_text(encoding="utf-8"))
