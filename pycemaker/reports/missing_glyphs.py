"""Missing glyphs: signs that a figure shows as empty boxes, found in matplotlib's warnings."""

import re
from typing import Any

from pycemaker.reports.notebook_file import tags_of
from pycemaker.reports.plain_text import joined

_MISSING = re.compile(r"Glyph (\d{1,7}) .*?missing from")
_MOST_SIGNS = 20


def missing_glyphs(notebook: dict[str, Any]) -> tuple[str, ...]:
    """A line in English for each cell whose figures lack signs: the signs, and the packages to install."""
    lines, number = [], 0
    for cell in notebook.get("cells", []):
        number += "injected-parameters" not in tags_of(cell)
        warnings = "".join(joined(o.get("text", "")) for o in cell.get("outputs", []) if o.get("name") == "stderr")
        signs = dict.fromkeys(chr(int(code)) for code in _MISSING.findall(warnings) if int(code) < 0x110000)
        if signs:
            shown = "".join(list(signs)[:_MOST_SIGNS])
            packages = " and ".join(dict.fromkeys(package_for(sign) for sign in signs))
            lines.append(f"cell {number}: figures lack the signs {shown!r}: install {packages}")
    return tuple(lines)


def package_for(sign: str) -> str:
    """Debian's package of a font with the sign that matplotlib can draw with."""
    code = ord(sign)
    if 0x2E80 <= code <= 0x9FFF or 0xAC00 <= code <= 0xD7FF or 0xF900 <= code <= 0xFFEF or code >= 0x20000:
        return "fonts-noto-cjk"
    return "fonts-symbola" if code >= 0x2190 else "fonts-noto-core"
