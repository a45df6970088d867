"""Files that a preview depends on, watched by the times at which they were saved."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pycemaker.settings import NOTEBOOKS, PACKAGE, TEMPLATES

POLL_SECONDS = 0.3


def save_times() -> dict[Path, float]:
    """The time at which each notebook, template and module was last saved, seconds since 1970."""
    paths = [*NOTEBOOKS.glob("*.ipynb"), *PACKAGE.rglob("*.py")]
    paths += [path for path in TEMPLATES.rglob("*") if path.is_file()]
    times = {}
    for path in paths:
        try:
            times[path] = path.stat().st_mtime
        except FileNotFoundError:  # an editor replaces files
            continue
    return times


def saved_files(
    look: Callable[[], dict[Path, float]] = save_times, poll_seconds: float = POLL_SECONDS
) -> Iterator[set[Path]]:
    """The files that were saved since the last look, whenever there are some."""
    before = look()
    while True:
        time.sleep(poll_seconds)
        now = look()
        changed = {path for path in now if now[path] != before.get(path)}
        before = now
        if changed:
            yield changed
