"""A server on loopback that nobody may ask, and a browser that is shown a page: what it asked for is what leaked.

with canary() as bird:
    bird.pages["mail"] = html
    show_in_chromium(bird.url + "/page/mail", folder)
    assert bird.asked == []
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

POKE = """
for (const element of document.querySelectorAll('*')) {
  for (const name of ['mouseover', 'pointerenter', 'focus', 'error', 'load', 'toggle', 'animationstart', 'click']) {
    const leaves = element.closest('a') && /^(https?|mailto):/.test(element.closest('a').protocol);
    if (!(leaves && name === 'click')) element.dispatchEvent(new Event(name, {bubbles: false}));
  }
  if (element.tagName === 'A' && !/^(https?|mailto):/.test(element.protocol)) element.click();
  if (element.tagName === 'FORM') element.submit();
}
"""
"""A reader who touches everything: each element, and each link that does not plainly lead elsewhere."""


@dataclass
class Canary:
    """The server.

    Attributes:
        url: where it is.
        pages: what it serves under `/page/<name>`.
        asked: every other path that was asked for.
    """

    url: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextlib.contextmanager
def canary() -> Iterator[Canary]:
    """A canary for the length of the block."""
    bird = Canary()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/page/")
            content = POKE if self.path == "/poke.js" else bird.pages.get(name)
            if content is None and self.path != "/favicon.ico":
                bird.asked.append(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Type", "text/javascript" if name == "/poke.js" else "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((content or "").encode("utf-8", "replace"))

        do_POST = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    bird.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield bird
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def show_in_chromium(url: str, folder: Path, seconds: int = 5) -> str:
    """The page's DOM as it stands after so many seconds of the browser's own time."""
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    options += ["--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"]
    options += [f"--user-data-dir={folder / 'profile'}", f"--virtual-time-budget={seconds * 1000}", "--dump-dom"]
    shown = subprocess.run([str(CHROMIUM), *options, url], capture_output=True, text=True, timeout=60, check=True)
    return shown.stdout
