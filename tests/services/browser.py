"""Chromium as readers use it: pages out of memory, in a given size and colour scheme; axe-core; pictures of them.

Playwright drives the Chromium that the system has; nothing is downloaded, and nothing goes over the network: whatever
a page asks for is answered here, or not at all.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, sync_playwright

from pycemaker.reports.report_model import Page as Report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOST = "http://pycemaker.test"
_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

Answer = tuple[int, dict[str, str], bytes]
Site = Callable[[str], Answer]
"""The answer at a path: status, headers, body."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium without a window."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=_OPTIONS)
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser,
    site: Site,
    path: str = "/",
    *,
    size: tuple[int, int] = (1280, 900),
    dark: bool = False,
    sharpness: float = 1,
) -> Iterator[Page]:
    """A page of the site, loaded.

    Args:
        browser: of `chromium`.
        site: what answers.
        path: the page's.
        size: of the window, CSS pixels.
        dark: whether the reader prefers dark colours.
        sharpness: pixels of the screen for each CSS pixel.
    """
    page = _tab(browser, sharpness)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.route("**/*", lambda route: _answer(route, site))
    page.goto(HOST + path)
    try:
        yield page
    finally:
        page.context.clear_cookies()
        page.goto("about:blank")
        page.unroute("**/*")


def _tab(browser: Browser, sharpness: float) -> Page:
    """The browser's tab of this sharpness, used again: a new one takes three times as long as the page in it."""
    for context in browser.contexts:
        if context.pages[0].evaluate("devicePixelRatio") == sharpness:
            return context.pages[0]
    context = browser.new_context(
        device_scale_factor=sharpness,
        bypass_csp=True,  # for axe alone: what our pages forbid themselves is tested elsewhere
    )
    return context.new_page()


def violations(page: Page, *, but: Sequence[str] = ()) -> list[str]:
    """The violations that axe-core finds on a page, a line each: rule, problem, element. Rules in `but` are skipped."""
    options = {"resultTypes": ["violations"], "rules": {rule: {"enabled": False} for rule in but}}
    found: list[dict[str, Any]] = Axe().run(page, options=options).response["violations"]
    return [f"{each['id']}: {each['help']}: {node['html'][:160]}" for each in found for node in each["nodes"]]


def html_site(html: str) -> Site:
    """One page, whatever the path."""
    return lambda _path: (200, {"Content-Type": "text/html; charset=utf-8"}, html.encode())


def mail_site(report: Report, *, images: bool = True) -> Site:
    """A report's mail at `/`, its figures beside it."""
    return _report_site(report, report.html, images=images)


def page_site(report: Report) -> Site:
    """A report's page at `/`."""
    return _report_site(report, report.full_html, images=True)


def _report_site(report: Report, html: str, *, images: bool) -> Site:
    figures = {f"/figures/{figure.name}": figure.png for figure in report.figures}

    def site(path: str) -> Answer:
        if path == "/":
            pointed = re.sub(r'"figure:([^"]+)"', r'"/figures/\1"', html)
            return 200, {"Content-Type": "text/html; charset=utf-8"}, pointed.encode()
        if images and path in figures:
            return 200, {"Content-Type": "image/png"}, figures[path]
        return 404, {}, b""

    return site


def _answer(route: Route, site: Site) -> None:
    if not route.request.url.startswith(f"{HOST}/"):
        route.abort()
        return
    status, headers, body = site(route.request.url.removeprefix(HOST))
    route.fulfill(status=status, headers=headers, body=body)
