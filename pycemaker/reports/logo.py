"""The brand's logo in a report: an https address, or a file beside `brand.json` that travels with the report."""

import io
import re
from dataclasses import dataclass

from pycemaker import brand
from pycemaker.reports.pictures import PictureUnusable, kind_of, mail_picture
from pycemaker.reports.report_model import Figure

_NAME = "-logo.png"  # no figure of a notebook has a name that begins so
_PIXELS = 96
_ADDRESS = re.compile(r"https://[\w.-]+(?::\d+)?/\S+", re.ASCII)
_FILE = re.compile(r"[^/\\\0:]+\.(?:png|jpe?g|gif|webp|svg)", re.IGNORECASE)


@dataclass(frozen=True)
class Logo:
    """A logo in a report.

    Attributes:
        source: the `src`; empty where the brand's initial stands instead.
        figure: the picture, where it travels with the mail.
        problem: why it cannot be shown; empty where it can.
    """

    source: str = ""
    figure: Figure | None = None
    problem: str = ""


def read_logo(own: brand.Brand) -> Logo:
    """The brand's logo; where it cannot be shown, no source and the reason."""
    if not own.logo or _ADDRESS.fullmatch(own.logo):
        return Logo(own.logo)
    try:
        return Logo(f"figure:{_NAME}", Figure(_NAME, _small_png(own.logo), own.name))
    except PictureUnusable as error:
        return Logo(problem=f"logo {own.logo!r} in {brand.FILE.name}: {error}")


def _small_png(name: str) -> bytes:
    from PIL import Image

    if not _FILE.fullmatch(name):
        raise PictureUnusable(f"it takes an https:// address, or the name of a picture beside {brand.FILE.name}")
    try:
        content = (brand.FILE.parent / name).read_bytes()
    except OSError as error:
        raise PictureUnusable(f"there is no such file beside {brand.FILE.name} ({error.strerror})") from None
    with Image.open(io.BytesIO(mail_picture(kind_of(name), content).png)) as image:
        image.thumbnail((_PIXELS, _PIXELS))
        small = io.BytesIO()
        image.save(small, "PNG", optimize=True)
    return small.getvalue()
