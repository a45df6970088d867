"""Checks side by side, each in its own thread and bounded in time: for `python -m pycemaker doctor` and `/ready`."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from dataclasses import dataclass, field

OK, WARN, FAIL, SKIP = "ok", "warn", "fail", "skip"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a check.

    Attributes:
        level: ok; warn, where the rest works all the same; fail; skip, where another failure stands in the way.
        message: one line; may be empty where the level is ok.
        remedy: how to mend it; empty where there is nothing to do.
        figures: what was measured, by name with its unit.
    """

    level: str
    message: str = ""
    remedy: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """Something to look at."""

    name: str
    look: Callable[[], Outcome]
    limit_seconds: float = 10.0


@dataclass(frozen=True)
class CheckResult:
    """A check's outcome, and how long it took."""

    name: str
    outcome: Outcome
    seconds: float = 0.0


def timed_out(limit_seconds: float) -> Outcome:
    """The outcome of a check that is still running at its limit."""
    return Outcome(FAIL, f"no answer within {limit_seconds:g} s", "see whether what it asks is there at all")


def crashed(error: Exception) -> Outcome:
    """The outcome of a check that raised an error."""
    return Outcome(FAIL, f"{type(error).__name__}: {error}", "this was not foreseen; please report it")


class CheckRunner:
    """Runs checks, as often as it is asked. Threads share it.

    A check that still runs is not started again: however often it is asked for, it has one thread. The threads are
    daemons, so that a check that hangs holds up no exit.

    Args:
        checks: in the order of their results.
        reuse_seconds: how long an outcome is reused, from the start of its check.
        on_timeout: the outcome of a check that still runs at its limit, which it takes.
        on_error: the outcome of a check that raised this error.
    """

    def __init__(
        self,
        checks: Sequence[Check],
        *,
        reuse_seconds: float = 0.0,
        on_timeout: Callable[[float], Outcome] = timed_out,
        on_error: Callable[[Exception], Outcome] = crashed,
    ) -> None:
        self._checks = list(checks)
        self._reuse_seconds = reuse_seconds
        self._on_timeout = on_timeout
        self._on_error = on_error
        self._lock = threading.Lock()
        self._runs: dict[str, tuple[float, Future[CheckResult]]] = {}

    def results(self) -> Iterator[CheckResult]:
        """Every check's result in their order, each as soon as it and those before it are there."""
        began = time.monotonic()
        with self._lock:
            futures = [(check, self._current(check)) for check in self._checks]
        for check, future in futures:
            try:
                yield future.result(max(0.0, began + check.limit_seconds - time.monotonic()))
            except NotDone:
                yield CheckResult(check.name, self._on_timeout(check.limit_seconds), check.limit_seconds)

    def _current(self, check: Check) -> Future[CheckResult]:
        """The run that goes on or is recent; else a new one. The lock is held."""
        began, future = self._runs.get(check.name, (float("-inf"), None))
        if future is not None and (not future.done() or time.monotonic() - began < self._reuse_seconds):
            return future
        future = Future()
        self._runs[check.name] = (time.monotonic(), future)
        threading.Thread(target=self._run, args=(check, future), daemon=True, name=f"check-{check.name}").start()
        return future

    def _run(self, check: Check, future: Future[CheckResult]) -> None:
        began = time.monotonic()
        try:
            outcome = check.look()
        except Exception as error:  # noqa: BLE001 - whatever it was, it is the check's outcome
            outcome = self._on_error(error)
        future.set_result(CheckResult(check.name, outcome, round(time.monotonic() - began, 3)))
