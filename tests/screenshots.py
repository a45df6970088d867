"""`python -m tests.screenshots`: the README's pictures, made of the sample history, into docs/images/.

The mail as a mail program shows it, on a telephone, with images off and in the dark; the page, in light and in dark.
Everything is made anew, in a database that is thrown away; the pictures differ only where the report does.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from pycemaker.mongo import embedded
from pycemaker.settings import ROOT
from tests.services.browser import Site, chromium, mail_site, opened, page_site
from tests.services.sample_report import SampleReport, sample_report, write_sample

FOLDER = ROOT / "docs" / "images"
COLORS = 160


def main() -> None:
    """Make all of them, and say how large each is."""
    folder = Path(tempfile.mkdtemp(prefix="pm-"))
    mongod = embedded.acquire(folder / "db")
    try:
        url = f"{mongod.url}/screenshots"
        write_sample(url)
        report = sample_report(url, folder / "report")
    finally:
        mongod.release()
        shutil.rmtree(folder, ignore_errors=True)
    with chromium() as browser:
        for name, png in pictures(browser, report).items():
            path = FOLDER / f"{name}.png"
            path.write_bytes(png)
            print(f"{path.relative_to(ROOT)}: {len(png) / 1000:.0f} KB")


def pictures(browser: Browser, report: SampleReport) -> dict[str, bytes]:
    """Each picture by its name."""
    mail, page = mail_site(report.made.page), page_site(report.made.page)
    without = mail_site(report.made.page, images=False)
    phone = (360, 640)
    return {
        "mail": picture(browser, mail, (760, 1500)),
        "mail-phone": picture(browser, mail, phone, sharpness=2),
        "mail-phone-figures": picture(browser, mail, phone, sharpness=2, scroll_to=".pm-section"),
        "mail-images-off": picture(browser, without, phone, sharpness=2, scroll_to=".pm-section"),
        "mail-dark": picture(browser, mail, phone, sharpness=2, dark=True),
        "page-light": picture(browser, page, (1200, 1400)),
        "page-dark": picture(browser, page, (1200, 1400), dark=True),
    }


def picture(
    browser: Browser,
    site: Site,
    size: tuple[int, int],
    *,
    sharpness: float = 1,
    dark: bool = False,
    scroll_to: str = "",
) -> bytes:
    """What the window shows, as a PNG with a palette; with `scroll_to`, from the first such element on."""
    with opened(browser, site, size=size, sharpness=sharpness, dark=dark) as page:
        if scroll_to:
            page.locator(scroll_to).first.evaluate("element => scrollTo(0, element.getBoundingClientRect().top - 12)")
        return _with_palette(page.screenshot())


def _with_palette(png: bytes) -> bytes:
    few = (
        Image.open(io.BytesIO(png))
        .convert("RGB")
        .quantize(COLORS, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    )
    encoded = io.BytesIO()
    few.save(encoded, "PNG", optimize=True)
    return encoded.getvalue()


if __name__ == "__main__":
    main()
