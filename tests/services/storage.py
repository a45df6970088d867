"""Google Cloud Storage on loopback: an emulator that keeps what it is given, or a server that refuses in one way.

with storage_emulator() as storage, monkeypatch.context() as patch:
    patch.setenv("STORAGE_EMULATOR_HOST", storage.url)
    FirebaseFigures(storage.key, storage.bucket)(...)
"""

from __future__ import annotations

import contextlib
import functools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from gcp_storage_emulator.handlers.buckets import create_bucket
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage as Memory

from pycemaker.parsing.setting_values import FirebaseKey

SILENT = "silent"
"""Answers nothing, for as long as the block lasts."""
DRIP = "drip"
"""Answers one byte of a header every 50 ms, for as long as the block lasts."""
Answer = int | str
"""An HTTP status, or one of the words above."""


@dataclass
class Storage:
    """A storage for figures.

    Attributes:
        url: for STORAGE_EMULATOR_HOST.
        bucket: the one bucket there is.
        key: a made-up service account's; its token comes from loopback too.
        requests: method and path of every request to the token endpoint, and to a storage that refuses.
    """

    url: str
    bucket: str
    key: FirebaseKey
    requests: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a server of its own process here."""
        return {
            "STORAGE_EMULATOR_HOST": self.url,
            "FIREBASE_SETTINGS": json.dumps(self.key.content),
            "FIREBASE_BUCKET": self.bucket,
        }

    def objects(self) -> list[dict[str, Any]]:
        """The objects in the emulator, as Google's JSON describes them."""
        with urlopen(f"{self.url}/storage/v1/b/{self.bucket}/o") as answer:
            return list(json.load(answer).get("items", []))


@contextlib.contextmanager
def storage_emulator(bucket: str = "made-up.firebasestorage.app", *, token: Answer = 200) -> Iterator[Storage]:
    """A storage that works, for the length of the block.

    Args:
        bucket: made beforehand.
        token: how the token endpoint answers.
    """
    requests: list[str] = []
    memory = Memory(use_memory_fs=True)
    create_bucket(bucket, memory)
    with (
        _answering(token, requests) as token_url,
        _serving(_Emulator, functools.partial(RequestHandler, memory)) as url,
    ):
        yield Storage(url, bucket, make_key(token_url), requests)


@contextlib.contextmanager
def refusing_storage(upload: Answer, *, times: int | None = None) -> Iterator[Storage]:
    """A storage whose every upload ends so, for the length of the block; tokens are given out.

    Args:
        upload: how uploads are answered.
        times: how often; after that an upload is answered as if it had been stored.
    """
    requests: list[str] = []
    with _answering(200, requests) as token_url, _answering(upload, requests, times) as url:
        yield Storage(url, "made-up.firebasestorage.app", make_key(token_url), requests)


def make_key(token_url: str) -> FirebaseKey:
    """A service account's key that no service has ever seen."""
    content = {
        "type": "service_account",
        "project_id": "made-up",
        "private_key_id": "0123456789abcdef",
        "private_key": _private_key(),
        "client_email": "reports@made-up.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{token_url}/token",
    }
    return FirebaseKey("made-up", content)


@functools.cache
def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


@contextlib.contextmanager
def _answering(answer: Answer, requests: list[str], times: int | None = None) -> Iterator[str]:
    """A server that answers every POST in one way; its URL."""
    over = threading.Event()
    counted: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            requests.append(f"POST {self.path}")
            counted.append(self.path)
            usual = times is not None and len(counted) > times
            if usual or isinstance(answer, int):
                _reply(self, 200 if usual else int(answer))
            while answer == DRIP and not over.wait(0.05):
                self.wfile.write(b"X")
            over.wait(None if answer == SILENT else 0)

        def log_message(self, *_: object) -> None:
            pass

    with _serving(ThreadingHTTPServer, Handler) as url:
        try:
            yield url
        finally:
            over.set()


class _Emulator(HTTPServer):
    """The emulator's own server, one request at a time, without its half second to stop and its queue of five."""

    request_queue_size = 64


@contextlib.contextmanager
def _serving(kind: type[HTTPServer], handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    server = kind(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _reply(handler: BaseHTTPRequestHandler, status: int) -> None:
    """A token and an upload's receipt in one where the status is 200; else an error as Google words it, and too much."""
    said: dict[str, Any] = {"access_token": "ya29.made-up", "expires_in": 3599, "token_type": "Bearer", "name": "x"}
    if status != 200:
        said = {"error": "invalid_grant", "error_description": f"Bearer ya29.made-up {_private_key()}"}
    content = json.dumps(said).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
