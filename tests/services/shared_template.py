"""The template process that all tests of one pytest process share: to import the libraries takes two seconds each time.

It starts with the first worker or kernel that is forked of it.
"""

from __future__ import annotations

import os

from pycemaker.jobs.worker_template import CAN_FORK, WorkerTemplate

PLAIN = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}

TEMPLATE = WorkerTemplate(PLAIN) if CAN_FORK else None


def close_template() -> None:
    """End it, for good."""
    if TEMPLATE is not None:
        TEMPLATE.close()
