"""Choice of the mongod that runs: by the version that each prints, and by the version of the folder's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycemaker.errors import DatabaseNotStarted
from pycemaker.mongo import mongod_binary


def fake(path: Path, version: str) -> str:
    """A mongod that says its version; without one it does not run here."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "db version v{version}"\n' if version else "#!/bin/sh\nkill -ILL $$\n")
    path.chmod(0o700)
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder without files."""
    folder = tmp_path / "mongo"
    folder.mkdir()
    return folder


def have(folder: Path, compatibility: str = "") -> None:
    (folder / "WiredTiger").touch()
    if compatibility:
        (folder / mongod_binary.NOTE).write_text(compatibility)


@pytest.mark.parametrize(
    ("compatibility", "on_path", "own", "chosen", "said"),
    [
        ("", "8.0.4", "6.0.5", "PATH", ""),
        ("6.0", "7.0.14", "6.0.5", "PATH", ""),
        ("6.0", "6.0.20", "6.0.5", "PATH", ""),
        ("6.0", "6.0.5", "6.0.5", "PATH", ""),
        ("7.0", "8.0.4", "6.0.5", "PATH", ""),
        ("8.0", "8.2.1", "6.0.5", "PATH", ""),
        ("6.0", "8.0.4", "6.0.5", "own", "(8.0.4) is passed over: the files are of 6.0, which it does not open"),
        ("unnoted", "8.0.4", "6.0.5", "own", "(8.0.4) is passed over: the files are of 6.0, which it does not open"),
        ("", "5.0.3", "6.0.5", "own", "(5.0.3) is passed over: the installed one is newer"),
        ("6.0", "", "6.0.5", "own", "(unknown) is passed over: it does not run here"),
    ],
)
def test_the_newest_that_opens_the_files_is_taken(
    files: Path, monkeypatch: pytest.MonkeyPatch, compatibility: str, on_path: str, own: str, chosen: str, said: str
) -> None:
    if compatibility:
        have(files, compatibility.replace("unnoted", ""))
    binaries = {"PATH": fake(files.parent / "bin" / "mongod", on_path), "own": fake(files.parent / "own", own)}
    monkeypatch.setenv("PATH", str(files.parent / "bin") + ":/bin:/usr/bin")
    heard: list[str] = []
    assert mongod_binary.find(files, heard.append, binaries["own"]) == binaries[chosen]
    assert heard == ([f"the mongod on PATH {said}"] if said else [])


def test_files_that_none_opens_are_left_alone(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    have(files, "8.0")
    fake(files.parent / "bin" / "mongod", "7.0.14")
    monkeypatch.setenv("PATH", str(files.parent / "bin") + ":/bin:/usr/bin")
    with pytest.raises(DatabaseNotStarted) as caught:
        mongod_binary.find(files, bundled=fake(files.parent / "own", "6.0.5"))
    assert caught.value.facts["reason"] == (
        "its files are of MongoDB 8.0; of those here none opens them (7.0.14, 6.0.5)"
    )


def test_without_one_on_path_the_installed_one_runs_unseen(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(files.parent))
    assert mongod_binary.find(files, bundled="/opt/mongod") == "/opt/mongod"
