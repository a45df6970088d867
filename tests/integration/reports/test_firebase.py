from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from urllib.parse import unquote
from urllib.request import urlopen

import pytest

from pycemaker.errors import StorageRefused
from pycemaker.parsing.setting_values import FirebaseKey
from pycemaker.reports.firebase import FirebaseFigures
from pycemaker.reports.report_model import Figure
from tests.services.storage import DRIP, SILENT, Answer, Storage, make_key, refusing_storage, storage_emulator

FIGURES = tuple(
    Figure(f"figure_{number:02}.png", b"\x89PNG\r\n\x1a\n" + bytes([number]) * 5_000, f"alt {number}")
    for number in range(12)
)
TOTAL = 1.2


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    with storage_emulator() as storage:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        yield storage


def test_every_figure_can_be_fetched_by_its_link(emulator: Storage) -> None:
    links = FirebaseFigures(emulator.key, emulator.bucket)("rep0rt", FIGURES)
    assert list(links) == [figure.name for figure in FIGURES]
    for figure in FIGURES:
        with urlopen(links[figure.name]) as answer:
            assert answer.read() == figure.png
            assert answer.headers["Content-Type"] == "image/png"


def test_objects_are_stored_as_browsers_and_firebase_need_them(emulator: Storage) -> None:
    links = FirebaseFigures(emulator.key, emulator.bucket)("rep0rt", FIGURES[:1])
    (stored,) = emulator.objects()
    assert re.fullmatch(r"reports/rep0rt/[\w-]{22}-figure_00\.png", stored["name"])
    assert stored["contentType"] == "image/png"
    assert stored["cacheControl"] == "public, max-age=31536000, immutable"
    token = stored["metadata"]["firebaseStorageDownloadTokens"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", token)
    assert links["figure_00.png"].endswith(f"?alt=media&token={token}")


def test_the_same_figure_twice_is_two_objects(emulator: Storage) -> None:
    store = FirebaseFigures(emulator.key, emulator.bucket)
    assert store("rep0rt", FIGURES[:1]) != store("rep0rt", FIGURES[:1])
    assert len(emulator.objects()) == 2


def test_one_token_serves_all_figures_and_the_next_report(emulator: Storage) -> None:
    for report_id in ("a", "b"):
        FirebaseFigures(emulator.key, emulator.bucket)(report_id, FIGURES)
    assert emulator.requests == ["POST /token"]


def test_two_reports_at_once_get_their_own_figures(emulator: Storage) -> None:
    links: dict[str, dict[str, str]] = {}

    def report(name: str) -> None:
        links[name] = FirebaseFigures(emulator.key, emulator.bucket)(name, FIGURES)

    threads = [threading.Thread(target=report, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(emulator.objects()) == 24
    assert all(f"/reports/{name}/" in unquote(link) for name in links for link in links[name].values())


@pytest.mark.parametrize("written", ["gs://{}", "gs://{}/", "{}/", " {} "])
def test_a_bucket_s_name_may_be_written_as_the_console_shows_it(emulator: Storage, written: str) -> None:
    links = FirebaseFigures(emulator.key, written.format(emulator.bucket))("rep0rt", FIGURES[:1])
    assert f"/b/{emulator.bucket}/o/" in links["figure_00.png"]


def test_preparing_asks_nobody_and_leaves_a_bad_key_to_the_upload(emulator: Storage) -> None:
    FirebaseFigures(emulator.key, emulator.bucket).prepare()
    FirebaseFigures(FirebaseKey("made-up", {}), emulator.bucket).prepare()
    assert emulator.requests == []


def test_no_figure_is_no_upload(emulator: Storage) -> None:
    assert FirebaseFigures(emulator.key, emulator.bucket)("rep0rt", ()) == {}


def test_without_an_emulator_the_link_is_firebase_s(monkeypatch: pytest.MonkeyPatch) -> None:
    from google.cloud.storage import Blob

    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setattr(Blob, "upload_from_string", lambda *_args, **_options: None)
    with storage_emulator() as storage:
        links = FirebaseFigures(storage.key, "made-up.appspot.com")("rep0rt", FIGURES[:1])
    assert re.fullmatch(
        r"https://firebasestorage\.googleapis\.com/v0/b/made-up\.appspot\.com/o/"
        r"reports%2Frep0rt%2F[\w-]{22}-figure_00\.png\?alt=media&token=[0-9a-f-]{36}",
        links["figure_00.png"],
    )


def refusal(
    storage: Storage, key: FirebaseKey | None = None, figures: tuple[Figure, ...] = FIGURES, answer_seconds: float = 0.5
) -> str:
    """The reason of the refusal, which came within the bound and shows no secret."""
    key = key or storage.key
    store = FirebaseFigures(key, storage.bucket, request_seconds=answer_seconds, retry_seconds=0.5, total_seconds=TOTAL)
    started = time.monotonic()
    with pytest.raises(StorageRefused) as caught:
        store("rep0rt", figures)
    assert time.monotonic() - started < TOTAL + 1.0
    shown = f"{caught.value} {caught.value.facts} {store!r}"
    for secret in ("ya29", "PRIVATE KEY", storage.key.content["private_key"][100:140], "gserviceaccount"):
        assert secret not in shown
    assert "\n" not in shown
    return str(caught.value.facts["reason"])


@pytest.mark.parametrize(
    ("upload", "reason"),
    [
        (400, "HTTP 400: the upload failed"),
        (401, "HTTP 401: the service account's key was not accepted"),
        (403, "HTTP 403: the service account may not write to this bucket"),
        (404, "HTTP 404: there is no such bucket (FIREBASE_BUCKET)"),
        (429, "HTTP 429: the upload failed"),
        (500, "HTTP 500: the upload failed"),
        (503, "HTTP 503: the upload failed"),
        (SILENT, "no answer within 0.5 s"),
        (DRIP, "no end after 1.2 s"),
    ],
)
def test_each_refusal_of_an_upload_is_reported_as_it_was(
    monkeypatch: pytest.MonkeyPatch, upload: Answer, reason: str
) -> None:
    with refusing_storage(upload) as storage:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        # what drips is never silent for long, also where the machine is busy
        assert refusal(storage, answer_seconds=5.0 if upload == DRIP else 0.5) == reason


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (400, "the service account got no token: HTTP 400 invalid_grant"),
        (401, "the service account got no token: HTTP 401 invalid_grant"),
        (403, "the service account got no token: HTTP 403 invalid_grant"),
        (SILENT, "the service account got no token: no answer within 0.5 s"),
        (DRIP, "no end after 1.2 s"),
    ],
)
def test_each_refusal_of_a_token_is_reported_as_it_was(
    monkeypatch: pytest.MonkeyPatch, token: Answer, reason: str
) -> None:
    with storage_emulator(token=token) as storage:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        assert refusal(storage) == reason
        assert storage.objects() == []


def test_a_fault_that_passes_is_got_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing_storage(503, times=1) as storage:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        assert list(FirebaseFigures(storage.key, storage.bucket)("rep0rt", FIGURES[:1])) == ["figure_00.png"]
    assert len([request for request in storage.requests if "upload" in request]) == 2


def test_a_bucket_that_is_not_there_is_refused(emulator: Storage) -> None:
    elsewhere = Storage(emulator.url, "another-bucket", emulator.key)
    assert refusal(elsewhere) == "HTTP 404: there is no such bucket (FIREBASE_BUCKET)"


def test_a_port_where_nobody_listens_is_refused(emulator: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    unreachable = "the server cannot be reached (ConnectionError)"
    assert refusal(emulator, make_key(address)) == f"the service account got no token: {unreachable}"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
    assert refusal(emulator) == unreachable


@pytest.mark.parametrize(
    "change",
    [
        {"private_key": "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n"},
        {"private_key": "no key"},
        {"private_key": ""},
        {"private_key": 5},
    ],
)
def test_a_key_that_is_none_is_refused(emulator: Storage, change: dict[str, object]) -> None:
    key = FirebaseKey("made-up", emulator.key.content | change)
    assert refusal(emulator, key) == "the service account's key cannot be read"


def test_the_default_app_of_firebase_admin_is_left_to_others(emulator: Storage) -> None:
    import firebase_admin

    FirebaseFigures(emulator.key, emulator.bucket)("rep0rt", FIGURES[:1])
    with pytest.raises(ValueError, match="default Firebase app does not exist"):
        firebase_admin.get_app()


def test_a_storage_that_hangs_holds_up_no_exit() -> None:
    program = """
import sys
from tests.services.storage import make_key
from pycemaker.errors import StorageRefused
from pycemaker.reports.report_model import Figure
from pycemaker.reports.firebase import FirebaseFigures
try:
    FirebaseFigures(make_key(sys.argv[1]), "b-u-c", 60, 60, 0.3)("r", (Figure("a.png", b"a", "a"),))
except StorageRefused as error:
    print(error)
"""
    with refusing_storage(SILENT) as storage:
        started = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-c", program, storage.url], check=True, capture_output=True, text=True, timeout=30
        )
    assert ended.stdout == "the figure storage refused: no end after 0.3 s\n"
    assert time.monotonic() - started < 15


def test_google_s_libraries_are_not_imported_before_the_first_upload() -> None:
    program = (
        "import sys, pycemaker.reports.firebase, pycemaker.mail.compose\n"
        "print([name for name in ('google.auth', 'firebase_admin', 'requests', 'yagmail') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ended.stdout == "[]\n"
