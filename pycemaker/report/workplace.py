"""The folder in which a report's cells run: what they write lands there, is bounded, and goes with it.

What lies beside the notebooks and above them is there by links, so that `open("queries.sql")`, `import helper` and
`../data/x.csv` read what they read in JupyterLab. A cell that writes to a name that is there already writes through the
link, as in JupyterLab. Where links are not allowed (Windows, as a rule), cells run in the folder of notebooks itself.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

MOST_MB = 1024
"""How much the cells of one report may write, and how long one of their files may be, in MiB."""

_ENTRIES = 100_000
"""Files beyond which a folder counts as too large: to look at more of them takes long."""

_LEFT_OUT = ("__pycache__", ".ipynb_checkpoints")


def make(folder: Path, notebooks: Path) -> Path:
    """The folder for cells, below `folder`, with links to what is beside `notebooks` and in it; where cells start."""
    above = folder / "work"
    inside = above / notebooks.name
    try:
        inside.mkdir(parents=True)
        _link(notebooks.parent, above)
        _link(notebooks, inside)
    except OSError:
        return notebooks
    return inside


def temporary(folder: Path) -> Path:
    """The folder for what cells write without saying where."""
    made = folder / "tmp"
    made.mkdir(exist_ok=True)
    return made


def bound_files() -> None:
    """From here on no file of this process and of those that it starts grows beyond MOST_MB; on Windows nothing."""
    with suppress(ImportError):
        import resource  # not on Windows

        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        bytes_ = MOST_MB << 20
        soft = bytes_ if most == resource.RLIM_INFINITY else min(bytes_, most)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, most))


def written_bytes(folder: Path) -> int:
    """How much of the disk is taken by what is below the folder; links are not followed."""
    size = count = 0
    for parent, folders, files in os.walk(folder):
        count += len(files) + len(folders)
        if count > _ENTRIES:
            return (MOST_MB + 1) << 20
        for name in files:
            with suppress(OSError):
                status = Path(parent, name).lstat()
                size += status.st_blocks * 512 if stat.S_ISREG(status.st_mode) else 0
    return size


def _link(source: Path, target: Path) -> None:
    for entry in source.iterdir():
        place = target / entry.name
        if entry.name not in _LEFT_OUT and not place.exists():
            place.symlink_to(entry.resolve(), target_is_directory=entry.is_dir())
