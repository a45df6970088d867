"""Formulas as pictures, set by matplotlib, which knows the TeX that most notebooks use."""

import io
import re

from pycemaker.reports.pictures import MailPicture, PictureUnusable, mail_picture

_PIXELS_PER_INCH = 192
_POINTS = 14


def draw_formula(source: str) -> MailPicture:
    """The formula at twice its shown size. Raises PictureUnusable where matplotlib does not know its TeX."""
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
    picture = mail_picture("image/png", drawn.getvalue())
    return mail_picture("image/png", drawn.getvalue(), picture.width / 2)
