"""The processes of one report: which they are, and their end.

Whatever a cell starts in the background loses its parent with the shell that started it, and a session of its own by
`setsid` takes it out of every group. On Linux it is found all the same: the report's process adopts what is orphaned
below it (PR_SET_CHILD_SUBREAPER), where it would go to process 1 else, so that a walk down from there meets all of it.
Where that process has itself been killed, and on other systems, what was started is known by a mark among the variables
that it has inherited.

Cells run under this system's user, who reads the memory and the variables of all of its processes, but of those that
say no.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import time
from collections.abc import Iterable

import psutil

MARK = "PYCEMAKER_REPORT_PROCESS"
"""The variable that names the report's process to all that is started below it."""

_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36
_END_SECONDS = 2.0
_LOOK_SECONDS = 0.01


def adopt_orphans() -> None:
    """Become the parent of what is orphaned below this process from now on; on Linux, elsewhere nothing."""
    _control(_PR_SET_CHILD_SUBREAPER, 1)


def forbid_reading() -> None:
    """Keep the processes of this user from reading this one's memory and variables; on Linux, elsewhere nothing.

    It holds until another program is started in this process's place. Root reads them all the same.
    """
    _control(_PR_SET_DUMPABLE, 0)


def _control(option: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # a C library without it
            ctypes.CDLL(None).prctl(option, *map(ctypes.c_ulong, (value, 0, 0, 0)))


def process_tree(roots: Iterable[psutil.Process]) -> set[psutil.Process]:
    """These processes and their descendants, as far as they are there.

    psutil knows a process by its start too, so that none is taken for one of ours that has got its number since.
    """
    found: set[psutil.Process] = set()
    for root in roots:
        with contextlib.suppress(psutil.Error):
            found |= {root, *root.children(recursive=True)}
    return found


def end_process_tree(roots: Iterable[psutil.Process], mark: str, keeping: psutil.Process) -> None:
    """Kill the family of these processes and all that bears the mark, but for one of them.

    It is looked for until nothing of it lives, since it may start something while it is looked for.
    """
    roots = list(roots)
    until = time.monotonic() + _END_SECONDS
    while alive := [process for process in (process_tree(roots) | _marked(mark)) - {keeping} if _lives(process)]:
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if time.monotonic() > until:
            return
        time.sleep(_LOOK_SECONDS)


def _marked(mark: str) -> set[psutil.Process]:
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark:
                found.add(process)
    return found


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
