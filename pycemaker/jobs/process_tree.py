"""Process tree of one report: finds all its processes and ends them.

A process that a cell starts in the background loses its parent when the shell ends, and `setsid` takes it out of every
group. On Linux the worker process adopts orphans below it (PR_SET_CHILD_SUBREAPER), so that a walk down from it finds
them. Where the worker process was killed, and on other systems, they are known by an environment variable that they
inherited.

Cells run as the server's user, who may read the memory and variables of its processes, except of those that forbid it.
"""

import contextlib
import ctypes
import sys
import time
from collections.abc import Iterable

import psutil

MARK = "PYCEMAKER_REPORT_PROCESS"  # The environment variable that marks the processes of one report

_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36
_END_SECONDS = 2.0
_LOOK_SECONDS = 0.01


def adopt_orphans() -> None:
    """Make this process the parent of orphans below it, from now on. Linux only; elsewhere it does nothing."""
    _control(_PR_SET_CHILD_SUBREAPER, 1)


def forbid_reading() -> None:
    """Forbid this user's processes to read this one's memory and variables. Linux only; elsewhere it does nothing.

    It holds until this process executes another program, and in forks of it. Root can read them all the same.
    """
    _control(_PR_SET_DUMPABLE, 0)


def allow_reading() -> None:
    """Undo `forbid_reading`, which a fork inherits: a process that is not readable cannot read its own `/proc/self`."""
    _control(_PR_SET_DUMPABLE, 1)


def _control(option: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # a C library without it
            ctypes.CDLL(None).prctl(option, *map(ctypes.c_ulong, (value, 0, 0, 0)))


def process_tree(roots: Iterable[psutil.Process]) -> set[psutil.Process]:
    """The living among these processes and their descendants.

    psutil also compares start times, so that a process that got a number again is not taken for ours.
    """
    tree: set[psutil.Process] = set()
    for root in roots:
        with contextlib.suppress(psutil.Error):
            tree |= {root, *root.children(recursive=True)}
    return tree


def end_process_tree(roots: Iterable[psutil.Process], mark: str, keeping: psutil.Process) -> None:
    """Kill the trees of these processes and all processes with the mark, except `keeping`.

    The search is repeated until none is alive: a process may start another during the search.
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
    marked = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark:
                marked.add(process)
    return marked


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
