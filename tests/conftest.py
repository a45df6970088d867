"""Parts that several tests share: one throw-away mongod a session, a clean database a test, the app in process."""

from __future__ import annotations

import logging
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from pycemaker.cache.sample_store import Store
from pycemaker.mongo import embedded
from pycemaker.mongo.database import Database
from pycemaker.reports import fast_nbformat  # noqa: F401 - before jsonschema and nbformat, which tests import whole
from tests.services.shared_template import close_template

hypothesis.settings.register_profile("suite", deadline=None)  # how long an example takes is not what is tested
hypothesis.settings.load_profile("suite")

# A shell's background job ignores Ctrl-C, and hands that on to the processes that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_log_lines_of_another_test() -> Iterator[None]:
    """Commands and servers send log lines to standard error; in a process of many tests each takes that back."""
    root = logging.getLogger()
    before = set(root.handlers)
    yield
    for handler in [each for each in root.handlers if each.get_name() == "pycemaker" and each not in before]:
        root.removeHandler(handler)


@pytest.fixture(scope="session", autouse=True)
def no_template_of_this_process() -> Iterator[None]:
    yield
    close_template()


@pytest.fixture(scope="session")
def mongod() -> Iterator[embedded.EmbeddedMongod]:
    """A real mongod of this session, in a folder whose path is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="pm-"))
    held = embedded.acquire(folder)
    yield held
    held.release()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(mongod: embedded.EmbeddedMongod, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database of this test's own, dropped afterwards."""
    url = f"{mongod.url}/test_{abs(hash(request.node.nodeid)) % 10**9}"
    yield url
    database = Database(url)
    database["cpu_usage"].database.client.drop_database(database["cpu_usage"].database.name)
    database.close()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)
