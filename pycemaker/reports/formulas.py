"""A formula as a picture: what matplotlib sets of TeX, which is most of what a notebook shows."""

from __future__ import annotations

import io
import re

from pycemaker.reports.pictures import MailPicture, PictureUnusable, mail_picture

_PIXELS_PER_INCH = 192
_POINTS = 14


def draw_formula(source: str) -> MailPicture:
    """The formula, at twice its shown size. Raises PictureUnusable: it has more of TeX than matplotlib sets."""
    from matplotlib import mathtext
    from matplotlib.font_manager import FontProperties

    formula = re.sub(r"\\displaystyle|\n", " ", source.strip().strip("$")).strip()
    drawn = io.BytesIO()
    try:
        mathtext.math_to_image(
            f"${formula}$", drawn, prop=FontProperties(size=_POINTS), dpi=_PIXELS_PER_INCH, format="png"
        )
    except (ValueError, RuntimeError) as error:
        raise PictureUnusable(f"its TeX is not set ({type(error).__name__})") from error
    made = mail_picture("image/png", drawn.getvalue())
    return mail_picture("image/png", drawn.getvalue(), made.width / 2)
