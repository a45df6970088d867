"""Clients that generators make of /openapi.json, without a warning; used as docs/api.md says, against a server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pycemaker.mongo.database import Database
from tests.integration.web.test_openapi import NOW, served, write
from tests.services.documents import section

BIN = Path(sys.executable).parent
PATH = f"{BIN}{os.pathsep}{os.environ['PATH']}"
NPM = shutil.which("npm", path=PATH)
OWN = "http://127.0.0.1:5000"


@pytest.fixture(autouse=True)
def samples(database: Database) -> None:
    write(database)


def block(language: str, heading: str = "## Generated clients") -> str:
    """The one block of code of that language under a heading of the API's page."""
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", section("docs/api.md", heading), re.DOTALL | re.M)
    return str(code)


def run(command: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": PATH} | more
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("token", ["", "s3cret-token-of-ours"])
def test_openapi_python_client_makes_a_client_that_works(database_url: str, tmp_path: Path, token: str) -> None:
    (tmp_path / "client.yml").write_text(block("yaml"))
    with served(database_url, tmp_path, API_TOKEN=token) as url:
        command = ["openapi-python-client", "generate", "--url", f"{url}/openapi.json", "--config", "client.yml"]
        generated = run(command, tmp_path)
        assert (generated.stdout + generated.stderr).split() == ["Generating", str(tmp_path / "pycemaker-client")]
        program = block("python").replace(OWN, url).replace('"now"', f'"{NOW:%Y-%m-%dT%H:%M:%SZ}"')
        (tmp_path / "program.py").write_text(program)
        printed = run([sys.executable, "program.py"], tmp_path, PYTHONPATH=str(tmp_path / "pycemaker-client"))
    lines = printed.stdout.splitlines()
    assert lines[0] == "cpu 0.5 ratio 2022-04-10 12:43:23+00:00"
    assert lines[-1] == "0.5 2000"
    assert len(lines) == 7


def test_arrow_is_read_as_the_page_says(database_url: str, tmp_path: Path) -> None:
    with served(database_url, tmp_path) as url:
        program = block("python", "## Formats").replace(OWN, url).replace("now", f"{NOW:%Y-%m-%dT%H:%M:%SZ}")
        printed = run([sys.executable, "-c", program], tmp_path)
    assert "count    2000.0\nmean        0.5" in printed.stdout


@pytest.mark.skipif(NPM is None, reason="no npm")
def test_openapi_typescript_makes_types_that_check(database_url: str, tmp_path: Path) -> None:
    assert NPM is not None
    packages = ["openapi-typescript@7", "typescript@5"]
    run([NPM, "install", "--no-audit", "--no-fund", "--silent", *packages], tmp_path)
    binaries = tmp_path / "node_modules" / ".bin"
    with served(database_url, tmp_path) as url:
        command = [str(binaries / "openapi-typescript"), f"{url}/openapi.json", "-o", "pycemaker.d.ts"]
        generated = run(command, tmp_path)
    assert not re.search("warn|error", generated.stdout + generated.stderr, re.IGNORECASE)
    (tmp_path / "program.ts").write_text(block("ts"))
    strict = ["--noEmit", "--strict", "--noUncheckedIndexedAccess", "--module", "esnext", "--target", "esnext"]
    resolve = ["--moduleResolution", "bundler", "--lib", "esnext,dom"]
    run([str(binaries / "tsc"), *strict, *resolve, "program.ts", "pycemaker.d.ts"], tmp_path)
    (tmp_path / "program.ts").write_text(block("ts").replace("cpu.mean", "cpu.means"))
    with pytest.raises(AssertionError, match="means"):
        run([str(binaries / "tsc"), *strict, *resolve, "program.ts", "pycemaker.d.ts"], tmp_path)
