"""What `docs/operations.md` has operators install, tried: units, nginx in front of two servers, a copy of the database."""

from __future__ import annotations

import contextlib
import getpass
import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest

from pycemaker.mongo import embedded
from pycemaker.mongo.database import Database
from pycemaker.settings import ROOT, from_mapping
from pycemaker.web.routes.report_routes import EXTRA_WAIT_SECONDS
from tests.services.process import ServerProcess, free_port

TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
TOKEN = "a-token-of-16-characters"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    server, timer, service = blocks("ini")
    names = {"pycemaker.service": server, "pycemaker-report.timer": timer, "pycemaker-report.service": service}
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/bin/true")
    for name, text in names.items():
        unit = text.replace("/opt/pycemaker", str(tmp_path)).replace("User=pycemaker", f"User={getpass.getuser()}")
        (tmp_path / name).write_text(unit)
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in names)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    about_ours = [line for line in verified.stderr.splitlines() if "pycemaker" in line]
    assert about_ours == []
    (calendar,) = re.findall(r"OnCalendar=(.*)", timer)
    subprocess.run(["systemd-analyze", "calendar", calendar], check=True, capture_output=True, timeout=60)


def test_nginx_waits_longer_than_a_report_takes() -> None:
    (conf,) = blocks("nginx")
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s;", conf)
    assert int(seconds) > from_mapping({}).report_timeout_seconds + EXTRA_WAIT_SECONDS


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pm-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def two_servers(mongod: embedded.EmbeddedMongod) -> Iterator[list[ServerProcess]]:
    shared = {"MONGO_DB_URL": f"{mongod.url}/two_servers", "API_TOKEN": TOKEN, "TRUSTED_PROXIES": "127.0.0.1"}
    servers = [ServerProcess(**shared).start() for _ in range(2)]
    yield servers
    for each in servers:
        each.close()


@pytest.fixture(scope="module")
def proxy(two_servers: list[ServerProcess], folder: Path) -> Iterator[str]:
    """The address of nginx by the document's own block, without TLS."""
    (conf,) = blocks("nginx")
    port = free_port()
    for host, each in zip(("10.0.0.11:5000", "10.0.0.12:5000"), two_servers, strict=True):
        conf = conf.replace(host, f"127.0.0.1:{each.port}")
    conf = conf.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    conf = re.sub(r"ssl_certificate.*;", "", conf)
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ access_log off; {temporary}\n{conf} }}\n"
    )
    process = subprocess.Popen([NGINX or "", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])
    for _ in range(100):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


def lowered(headers: Message) -> dict[str, str]:
    return {name.lower(): text for name, text in headers.items()}


def asked(url: str, method: str = "GET", timeout: float = 180, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, method=method, headers={name.replace("_", "-"): text for name, text in headers.items()})  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, lowered(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, lowered(error.headers), error.read()


@pytest.mark.skipif(NGINX is None, reason="no nginx here")
def test_two_servers_behind_nginx_are_one(two_servers: list[ServerProcess], proxy: str) -> None:
    holder = {"Authorization": f"Bearer {TOKEN}"}
    assert asked(f"{proxy}/report/now/1/a@b.com")[0] == 401
    status, _, body = asked(f"{proxy}/report/now/1/a@b.com?wait=0", "POST", **holder)
    assert status == 202
    report_id = json.loads(body)["report"]["id"]
    again = asked(f"{proxy}/report/now/1/a@b.com", "POST", **holder)
    assert again[0] == 200, again
    assert json.loads(again[2])["report"]["id"] == report_id  # whichever server it came to
    pages = {asked(f"{proxy}/reports/{report_id}", Accept="text/html")[2] for _ in range(4)}
    (figure, *_) = re.findall(r'src="(/reports/[^"]*/figures/[^"]*)"', pages.pop().decode())
    assert pages == set()
    assert asked(f"{proxy}{figure}")[0] == 200
    compressed = asked(f"{proxy}/openapi.json", Accept_Encoding="gzip")[1]
    assert compressed["content-encoding"] == "gzip"
    assert asked(f"{proxy}/openapi.json", Accept_Encoding="gzip", If_None_Match=compressed["etag"])[0] == 304
    logged = "".join(each.said for each in two_servers)
    assert "/reports/" in logged
    assert "/figures/" not in logged
    two_servers[0].close()
    assert [asked(f"{proxy}/ready")[0] for _ in range(4)] == [200] * 4


def test_a_copy_of_the_embedded_database_is_a_backup(folder: Path) -> None:
    assert "cp -a data/mongo backup-of-mongo" in TEXT
    data, restored = folder / "a", folder / "b"
    held = embedded.acquire(data)
    database = Database(f"{held.url}/pycemaker")
    database["suppressions"].insert_one({"_id": "ana@example.com"})
    database.close()
    held.release()
    subprocess.run(["cp", "-a", str(data / "mongo"), str(folder / "backup-of-mongo")], check=True, timeout=60)
    restored.mkdir()
    (folder / "backup-of-mongo").rename(restored / "mongo")
    held = embedded.acquire(restored)
    database = Database(f"{held.url}/pycemaker")
    try:
        assert [each["_id"] for each in database["suppressions"].find()] == ["ana@example.com"]
    finally:
        database.close()
        held.release()
