"""Checks side by side, each bounded in time, told in their order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from dataclasses import asdict, dataclass

OK, WARN, FAIL, SKIP = "ok", "warn", "fail", "skip"


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Attributes:
        level: ok; warn, where things work and something ought to be known; fail; skip, where another failure stands in
            the way.
        told: one line.
        mend: what to do about it; empty where there is nothing to do.
    """

    level: str
    told: str
    mend: str = ""


@dataclass(frozen=True)
class Check:
    """Something to look at.

    Attributes:
        name: a word.
        look: looks; what it raises is a failure.
        limit_seconds: after which it is said to be hanging, and left.
    """

    name: str
    look: Callable[[], Outcome]
    limit_seconds: float = 10.0


@dataclass(frozen=True)
class CheckResult:
    """A check's finding, and how long it took."""

    name: str
    level: str
    told: str
    mend: str
    seconds: float

    def entry(self) -> dict[str, object]:
        """It as JSON-able data."""
        return asdict(self)


def run_checks(checks: Sequence[Check]) -> Iterator[CheckResult]:
    """Every check's result in their order, each as soon as it and those before it are there."""
    began = time.monotonic()
    for check, future in [(check, _start(check)) for check in checks]:
        try:
            finding, seconds = future.result(max(0.0, began + check.limit_seconds - time.monotonic()))
        except NotDone:
            seconds = check.limit_seconds
            finding = Outcome(FAIL, f"no answer within {seconds:g} s", "see whether what it asks is there at all")
        yield CheckResult(check.name, finding.level, finding.told, finding.mend, round(seconds, 3))


def _start(check: Check) -> Future[tuple[Outcome, float]]:
    """Look in a thread of its own: a daemon's, so that one that hangs holds up no exit."""
    future: Future[tuple[Outcome, float]] = Future()

    def run() -> None:
        began = time.monotonic()
        try:
            finding = check.look()
        except Exception as error:  # noqa: BLE001 - whatever it was, it is what the check found
            finding = Outcome(FAIL, f"{type(error).__name__}: {error}", "this was not foreseen; please report it")
        future.set_result((finding, time.monotonic() - began))

    threading.Thread(target=run, daemon=True, name=f"doctor {check.name}").start()
    return future
