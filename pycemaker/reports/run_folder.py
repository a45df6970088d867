"""The run folder, in which a report's cells run and write. Its size is limited, and it is removed after the run.

It has copies of the files beside the notebooks, made when a report begins, so that `open("queries.sql")` and
`import helper` work as in JupyterLab, and cells write to their own copies. Large files, and files above the notebooks
(`../data/x.csv`), are links: cells write to the originals there. Where links are not allowed (usually on Windows),
cells run in the notebooks' own folder.
"""

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

MOST_MB = 1024
"""The most that the cells of one report may write, and the largest of their files, in MiB."""

_ENTRIES = 100_000  # Entries beyond which a folder counts as too large: counting more takes long

_COPIED_BYTES, _COPIED_FILE_BYTES, _COPIED_FILES = 64 << 20, 16 << 20, 2_000
"""Limits of the copies for a report: bytes in all, bytes of a file, files."""

_LEFT_OUT = ("__pycache__", ".ipynb_checkpoints", ".env")


def make(folder: Path, notebooks: Path) -> Path:
    """Create the folder for cells below `folder`, with links to what is beside `notebooks`; where cells start."""
    above = folder / "work"
    inside = above / notebooks.name
    try:
        inside.mkdir(parents=True)
        for entry in notebooks.parent.iterdir():
            if not (above / entry.name).exists():
                _link(entry, above)
    except OSError:
        return notebooks
    return inside


def fill(inside: Path, notebooks: Path) -> None:
    """Copy the present content of `notebooks` into the folder of `make`, which may lie in it; large files as links."""
    if inside == notebooks:
        return
    bytes_left: float = _COPIED_BYTES
    files_left = _COPIED_FILES
    for parent, folders, files in os.walk(notebooks):
        target = inside / Path(parent).relative_to(notebooks)
        target.mkdir(exist_ok=True)
        for name in sorted(files):
            size = _size_bytes(Path(parent, name))
            if name not in _LEFT_OUT and size <= min(bytes_left, _COPIED_FILE_BYTES) and files_left:
                with suppress(OSError):
                    shutil.copy2(Path(parent, name), target)
                    bytes_left, files_left = bytes_left - size, files_left - 1
                    continue
            _link(Path(parent, name), target)
        own = [name for name in folders if files_left and not Path(parent, name).is_symlink()]
        for name in set(folders) - set(own):
            _link(Path(parent, name), target)
        copied = [name for name in own if name not in _LEFT_OUT]
        folders[:] = [name for name in copied if not inside.parent.samefile(Path(parent, name))]  # else it has no end


def bound_files() -> None:
    """Limit the files of this process and its descendants to MOST_MB each; on Windows it does nothing."""
    with suppress(ImportError):
        import resource  # not on Windows

        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        bytes_ = MOST_MB << 20
        soft = bytes_ if most == resource.RLIM_INFINITY else min(bytes_, most)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, most))


def written_bytes(folder: Path) -> int:
    """The disk space of the files below the folder; links are not followed."""
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


def _size_bytes(path: Path) -> float:
    """A file's length; infinite for what is no file (a pipe never ends) or cannot be read."""
    with suppress(OSError):
        status = path.stat()
        return status.st_size if stat.S_ISREG(status.st_mode) else float("inf")
    return float("inf")


def _link(entry: Path, folder: Path) -> None:
    if entry.name not in _LEFT_OUT:
        (folder / entry.name).symlink_to(entry.resolve(), target_is_directory=entry.is_dir())
