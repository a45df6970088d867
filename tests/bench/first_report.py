"""First report of a server that was idle, from the request to the mail server's acceptance, beside another checkout's.

    python -m tests.bench.first_report [--idle-minutes 60] [--runs 5] [--beside <checkout>]

So many servers of each make a report and wait, side by side over one MongoDB; then each is asked for one report of 6
hours, in turns.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.bench import data
from tests.bench.report import timed
from tests.services.process import ROOT, ServerProcess
from tests.services.smtp import SmtpServer, smtp_server

_NUMBERS = itertools.count()


def _ask(served: ServerProcess) -> None:
    status, answer = served.get(f"/report/{data.NOW:%Y-%m-%dT%H:%M:%SZ}/6/reader-{next(_NUMBERS)}@example.com")
    if status != 200:
        raise RuntimeError(f"{status} {answer}")


def _start(root: Path, url: str, mail: SmtpServer) -> ServerProcess:
    return ServerProcess(
        root=root,
        MONGO_DB_URL=url,
        **mail.environment,
        REPORT_RECIPIENTS="*",
    ).start()


def main() -> None:
    """Print a line a checkout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle-minutes", type=float, default=60)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--beside", type=Path)
    options = parser.parse_args()
    roots = {"this": ROOT} | ({"beside": options.beside} if options.beside else {})
    with ExitStack() as running:
        server, _folder = running.enter_context(data.mongod())
        mail = running.enter_context(smtp_server("ssl"))
        data.load_six(f"{server}/first", 14)
        servers = []
        for _ in range(options.runs):
            for name, root in roots.items():
                served = _start(root, f"{server}/first", mail)
                running.callback(served.close)
                _ask(served)
                servers.append((name, served))
        time.sleep(options.idle_minutes * 60)
        seconds: dict[str, list[float]] = {name: [] for name in roots}
        for name, served in servers:
            seconds[name].append(timed(partial(_ask, served)))
    for name, each in seconds.items():
        print(f"{name}: median {statistics.median(each):.2f} s of {[round(one, 2) for one in each]}", flush=True)


if __name__ == "__main__":
    main()
