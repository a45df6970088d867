"""Uploads figures to Firebase Storage, under links that do not expire. Alone imports firebase_admin and google.

They are imported at the first upload: half a second that installations without Firebase do not pay.
"""

import hashlib
import json
import re
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

from pycemaker.errors import StorageRefused
from pycemaker.parsing.setting_values import FirebaseKey
from pycemaker.reports.report_model import Figure

_LANES = 8
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_GOOGLE = "https://storage.googleapis.com"
_LINKS = "https://firebasestorage.googleapis.com/v0"
_HINTS = {
    401: "the service account's key was not accepted",
    403: "the service account may not write to this bucket",
    404: "there is no such bucket (FIREBASE_BUCKET)",
}
_NO_TOKEN = "the service account got no token"  # noqa: S105 - words
_Result = TypeVar("_Result")
_opening = threading.Lock()


@dataclass(frozen=True)
class FirebaseFigures:
    """Uploads figures to a bucket of Firebase Storage, several at a time.

    A link carries a download token of the object's own, as the Firebase console makes them: it does not expire, and it
    works under uniform bucket-level access, where no single object can be made public.

    Attributes:
        bucket: its name; a leading `gs://` and a trailing slash are ignored.
        request_seconds: the timeout of each answer.
        retry_seconds: how long an upload is retried after 429, 5xx or a broken connection.
    """

    key: FirebaseKey
    bucket: str
    request_seconds: float = 10.0
    retry_seconds: float = 3.0
    total_seconds: float = 25.0

    def __call__(self, report_id: str, figures: tuple[Figure, ...]) -> dict[str, str]:
        """A lasting URL for each figure, by name.

        Raises:
            StorageRefused: not every figure was stored, or not in time.
        """
        stop = threading.Event()
        lanes = [figures[first::_LANES] for first in range(_LANES)]
        try:
            with self._bucket() as (bucket, until):
                calls = [partial(self._store, bucket, report_id, lane, stop) for lane in lanes if lane]
                urls = _side_by_side(calls, until)
        finally:
            stop.set()
        stored = {name: url for lane in urls for name, url in lane.items()}
        return {figure.name: stored[figure.name] for figure in figures}

    def try_out(self) -> None:
        """Write a small object, read it and delete it. Raises StorageRefused: one of these failed, or took too long."""
        with self._bucket() as (bucket, until):
            _side_by_side([partial(self._write_read_delete, bucket)], until)

    @contextmanager
    def _bucket(self) -> Iterator[tuple[Any, float]]:
        """The bucket, with a token, and the end of the time. The libraries' errors become StorageRefused."""
        until = time.monotonic() + self.total_seconds
        try:
            bucket, credential = self._open()
            if not credential.valid:
                _side_by_side([partial(credential.refresh, None)], until)
            yield bucket, until
        except _faults() as error:
            raise StorageRefused(reason=self._describe(error)) from None  # the cause may quote secrets

    def _write_read_delete(self, bucket: Any) -> None:
        content = secrets.token_bytes(64)
        blob = bucket.blob(f"doctor/{secrets.token_urlsafe(16)}")
        blob.upload_from_string(content, "application/octet-stream", timeout=self.request_seconds, retry=None)
        try:
            if blob.download_as_bytes(timeout=self.request_seconds, retry=None) != content:
                raise StorageRefused(reason="it gives back other bytes than it was given")
        finally:
            blob.delete(timeout=self.request_seconds, retry=None)

    def prepare(self) -> None:
        """Import and set up in advance what needs no network: half a second. The upload reports errors."""
        with suppress(*_faults()):
            self._open()

    def _open(self) -> tuple[Any, Any]:
        """The bucket and its credential; one app of firebase_admin for each key and bucket."""
        import firebase_admin
        from firebase_admin import storage

        bare = self.bucket.strip().removeprefix("gs://").strip("/")
        identity = json.dumps([self.key.content, bare, self.request_seconds], sort_keys=True)
        name = "pycemaker-" + hashlib.sha256(identity.encode()).hexdigest()[:24]
        with _opening:
            try:
                app = firebase_admin.get_app(name)
            except ValueError:
                options = {"projectId": self.key.project_id, "storageBucket": bare}
                app = firebase_admin.initialize_app(_make_credential(self.key, self.request_seconds), options, name)
        return storage.bucket(app=app), app.credential.get_credential()

    def _store(self, bucket: Any, report_id: str, figures: Sequence[Figure], stop: threading.Event) -> dict[str, str]:
        """Upload one lane's figures, one after another, until another lane has failed."""
        from google.cloud.storage.retry import DEFAULT_RETRY

        retry = DEFAULT_RETRY.with_timeout(self.retry_seconds).with_delay(initial=0.3, maximum=1.0)
        urls = {}
        for figure in figures:
            if stop.is_set():
                break
            token = str(uuid.uuid4())
            blob = bucket.blob(f"reports/{report_id}/{secrets.token_urlsafe(16)}-{figure.name}")
            blob.metadata = {"firebaseStorageDownloadTokens": token}
            blob.cache_control = "public, max-age=31536000, immutable"
            blob.upload_from_string(figure.png, "image/png", timeout=self.request_seconds, retry=retry)
            urls[figure.name] = _link(bucket, blob.name, token)
        return urls

    def _describe(self, error: Any) -> str:
        """The error in our own words: the libraries quote whole answers."""
        cause = getattr(error, "cause", None) or error  # of a RetryError, the last error
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(error, StorageRefused):
            return str(error.facts["reason"])
        if status is not None:
            return f"HTTP {status}: {_HINTS.get(status, 'the upload failed')}"
        if isinstance(error, TimeoutError):
            return f"no end after {self.total_seconds:g} s"
        return _describe_transport(cause, self.request_seconds)


def _link(bucket: Any, name: str, token: str) -> str:
    """The object's URL: at Firebase, or at the emulator in STORAGE_EMULATOR_HOST."""
    endpoint = bucket.client.api_endpoint
    base = _LINKS if endpoint == _GOOGLE else f"{endpoint}/storage/v1"
    return f"{base}/b/{bucket.name}/o/{quote(name, safe='')}?alt=media&token={token}"


def _make_credential(key: FirebaseKey, seconds: float) -> Any:
    """The key's credential, with a timeout on each request for a token.

    Google's own credential waits 120 s for a token, four times where the host does not answer, and asks another server
    for an "access boundary" in a thread before the first upload.

    Raises:
        ValueError: the key cannot be read.
    """
    from google.auth.credentials import Credentials
    from google.auth.exceptions import GoogleAuthError, TransportError
    from google.auth.transport.requests import Request
    from google.oauth2.service_account import Credentials as ServiceAccount

    read_key: Any = ServiceAccount.from_service_account_info
    account = read_key({"token_uri": _TOKEN_URI, **key.content}, scopes=[_SCOPE])
    transport: Any = Request()

    class BoundedCredential(Credentials):
        def refresh(self, request: Any) -> None:  # noqa: ARG002 - Google's signature
            statuses = []

            def ask(**options: Any) -> Any:
                answer = transport(**options, timeout=seconds)
                statuses.append(answer.status)
                return answer

            try:
                account.refresh(ask)
            except TransportError as error:
                raise StorageRefused(reason=f"{_NO_TOKEN}: {_describe_transport(error.args[0], seconds)}") from None
            except GoogleAuthError as error:
                code = re.match(r"[a-z_]{3,40}(?=:)", str(error.args[0]))
                status = f"HTTP {statuses[-1]} {code[0] if code else ''}".strip()
                raise StorageRefused(reason=f"{_NO_TOKEN}: {status}") from None
            self.token, self.expiry = account.token, account.expiry

    make: Any = BoundedCredential
    return make()


def _describe_transport(error: object, seconds: float) -> str:
    from requests.exceptions import RequestException, Timeout

    if isinstance(error, Timeout) or "timed out" in str(error):
        return f"no answer within {seconds:g} s"
    if isinstance(error, RequestException):
        return f"the server cannot be reached ({type(error).__name__})"
    if isinstance(error, ValueError):
        return "the service account's key cannot be read"
    return type(error).__name__


def _faults() -> tuple[type[Exception], ...]:
    """The errors of the libraries, which have no common base class."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    return (StorageRefused, GoogleAPIError, GoogleAuthError, OSError, ValueError)


def _side_by_side(calls: Sequence[Callable[[], _Result]], until: float) -> list[_Result]:
    """The results of calls that run in daemon threads, so that a hanging one does not delay the process's exit.

    Raises:
        TimeoutError: not all had ended at `until`, in time.monotonic(); Exception: the first that a call raised; the
            others go on unattended.
    """
    futures = [_start(call) for call in calls]
    done, waiting = wait(futures, max(0.0, until - time.monotonic()), FIRST_EXCEPTION)
    for future in done:
        future.result()
    if waiting:
        raise TimeoutError
    return [future.result() for future in futures]


def _start(call: Callable[[], _Result]) -> Future[_Result]:
    future: Future[_Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised in the waiting thread
            future.set_exception(error)

    threading.Thread(target=run, name="storage", daemon=True).start()
    return future
