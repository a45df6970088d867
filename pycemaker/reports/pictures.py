"""Pictures of any kind as PNG for mails: at most twice as wide as shown, opaque where they are converted.

SVG is drawn by resvg, which runs no script and fetches nothing; references to other resources are removed before.
"""

import binascii
import io
import re
from base64 import b64decode
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from urllib.parse import unquote_to_bytes

from pycemaker.presentation.mail_width import CONTENT_WIDTH

SHARPNESS = 2  # Pixels of a picture for each CSS pixel, at most
MOST_PIXELS = 50_000_000
SVG_CHARACTERS = 5_000_000
RASTER = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff")
SVG = "image/svg+xml"

_PNG_START = b"\x89PNG\r\n\x1a\n"
_ELSEWHERE = re.compile(
    r"""((?:xlink:)?href)\s*=\s*(["'])(?!\s*(?:#|data:image/(?:png|jpe?g|gif|webp);))[^"']*\2""", re.I
)
_FETCHING = re.compile(
    r"url\(\s*(?!['\"]?#)[^)]*\)|@import[^;<]*;?|<!(?:DOCTYPE|ENTITY)\b[^\[>]*(?:\[.*?\]\s*)?>", re.I | re.S
)
_DATA_URL = re.compile(r"\s*data:(?P<kind>image/[\w.+-]+)(?P<more>;[^,]*)?,(?P<content>.*)", re.I | re.S)


class PictureUnusable(Exception):
    """The picture cannot be shown; the message says why, in English."""


@dataclass(frozen=True)
class MailPicture:
    """A picture for a mail. `width`: CSS pixels, `CONTENT_WIDTH` at most."""

    png: bytes
    width: int


def mail_picture(kind: str, content: bytes, width: float | None = None) -> MailPicture:
    """The picture as PNG.

    Args:
        kind: its media type: one of `RASTER`, or `SVG`.
        width: how wide it is shown, in CSS pixels; its own width where None.

    Raises:
        PictureUnusable: it is broken, empty, of another kind or too large.
    """
    if kind == SVG:
        png, own_width = _draw(content.decode("utf-8", "replace"))
        width = width or own_width
    else:
        png = _as_png(content)
    pixels = int.from_bytes(png[16:20])  # the width in a PNG's header
    shown = max(1, min(CONTENT_WIDTH, int(width or pixels)))
    return MailPicture(_scaled(png, SHARPNESS * shown) if pixels > SHARPNESS * CONTENT_WIDTH else png, shown)


def decoded(text: str) -> bytes:
    """The bytes of a picture as Jupyter stores it, in base64 with line breaks. Raises PictureUnusable."""
    try:
        return b64decode(text)
    except (binascii.Error, ValueError):
        raise PictureUnusable("it is not base64") from None


def of_data_url(url: str) -> tuple[str, bytes] | None:
    """The media type and bytes in a `data:` URL; None for any other URL. Raises PictureUnusable."""
    match = _DATA_URL.match(url)
    if match is None:
        return None
    content = unquote_to_bytes(match["content"])
    is_base64 = "base64" in (match["more"] or "").lower()
    return match["kind"].lower(), decoded(content.decode("ascii", "replace")) if is_base64 else content


def kind_of(name: str) -> str:
    """A file's media type by its ending: SVG, or a raster image whose bytes tell its format."""
    return SVG if name.lower().endswith(".svg") else RASTER[0]


def _as_png(content: bytes) -> bytes:
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(content)) as image:
            _check_pixels(image.width, image.height)
            if content.startswith(_PNG_START):
                image.load()
                return content
            return _encoded(ImageOps.exif_transpose(image))
    except PictureUnusable:
        raise
    except Exception as error:  # each of Pillow's readers raises errors of its own
        raise PictureUnusable(f"it is no picture that can be read ({type(error).__name__})") from error


def _check_pixels(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise PictureUnusable(f"it has {width} x {height} pixels, {MOST_PIXELS} in all at most")


def _scaled(png: bytes, width: int) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        mode = "RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB"
        height = max(1, round(image.height * width / image.width))
        return _encoded(image.convert(mode).resize((width, height), Image.Resampling.LANCZOS))


def _encoded(image: object) -> bytes:
    """The image as PNG on white: dark mode swallows transparent pictures."""
    from PIL import Image

    assert isinstance(image, Image.Image)  # noqa: S101 - Pillow is imported late
    colored = image.convert("RGBA")
    white = Image.new("RGBA", colored.size, "white")
    encoded = io.BytesIO()
    Image.alpha_composite(white, colored).convert("RGB").save(encoded, "PNG", optimize=True)
    return encoded.getvalue()


def _draw(svg: str) -> tuple[bytes, float]:
    """The SVG drawn at twice its width, at most twice the mail's content; and its own width."""
    import resvg_py

    if len(svg) > SVG_CHARACTERS:
        raise PictureUnusable(f"its SVG has {len(svg)} characters, {SVG_CHARACTERS} at most")
    safe = _FETCHING.sub("", _ELSEWHERE.sub(r"\1=\2\2", svg))
    if "xmlns=" not in safe.partition(">")[0] and "<svg" in safe:
        safe = safe.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    draw = partial(
        resvg_py.svg_to_bytes,
        svg_string=safe,
        background="white",
        dpi=96,  # for sizes in points and inches
        font_dirs=[_font_folder()],  # matplotlib's own, which are on every machine
        font_family="DejaVu Sans",
        sans_serif_family="DejaVu Sans",
        serif_family="DejaVu Serif",
        monospace_family="DejaVu Sans Mono",
    )
    try:
        own = int.from_bytes(draw()[16:20])
        return draw(width=min(own, CONTENT_WIDTH) * SHARPNESS), own
    except (ValueError, RuntimeError) as error:
        raise PictureUnusable(f"its SVG cannot be drawn ({error})") from error


@cache
def _font_folder() -> str:
    import matplotlib as mpl

    return str(Path(mpl.get_data_path()) / "fonts" / "ttf")
