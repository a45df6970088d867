"""Work that many wait for and one does: its result, or its failure, is everybody's who waited."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Made = TypeVar("Made")


class SingleFlight(Generic[Made]):
    """Runs one call at a time. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flight: Future[Made] | None = None

    def run(self, make: Callable[[], Made]) -> Made:
        """The result of `make`, or of the call that is under way already. Raises what that raises."""
        with self._lock:
            flight, leads = self._flight, self._flight is None
            if flight is None:
                flight = self._flight = Future()
        return self._lead(flight, make) if leads else flight.result()

    def _lead(self, flight: Future[Made], make: Callable[[], Made]) -> Made:
        try:
            made = make()
        except BaseException as error:
            self._land()
            flight.set_exception(error)
            raise
        self._land()
        flight.set_result(made)
        return made

    def _land(self) -> None:
        with self._lock:
            self._flight = None
