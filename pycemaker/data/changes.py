"""Whether a collection changed in any other way than by new samples at its end.

Three ways to know, the first that the deployment offers:

* **Change streams** (`stream`; replica sets, sharded clusters). One stream a process over all metrics says of each
  write what it was: an insert at the end is left to the probe of the end, anything else is a change. It lags the write
  by the time until a majority has it, milliseconds as a rule. Whether it keeps up is watched: it has to have found
  nothing more to read within the last 5 s, and a replica set's majority must not be 4 s behind its primary.
* **Counters** (`counters`; a mongod by itself). `$collStats` has WiredTiger's count of inserts, updates and removals
  that ever touched the collection since mongod started. They are read just before the probe of the end: when as many
  inserts were counted as samples were found, and nothing else, then nothing else happened. 1.8 ms a look, whatever the
  size. They count a write when it is made, a moment before others see it; so a change is taken for two, 3 s apart.
* **Reading again** (other engines, reads from secondaries, a user without the right to either, a stream that fell
  behind). Every 5 s everything in memory counts as changed, and what is then asked for is read and compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

REREAD_SECONDS = 5.0


class Changes(Protocol):
    """One collection's changes."""

    def look(self) -> None:
        """Called before the end of the collection is probed.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """

    def changed(self, appended: int) -> bool:
        """Whether there was anything since the last look but the `appended` documents that the probe found."""


class Rereading:
    """Knows nothing, and so says every REREAD_SECONDS that there was a change."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said = clock()

    def look(self) -> None:
        """Nothing to see."""

    def changed(self, appended: int) -> bool:  # noqa: ARG002 - of no use here
        """Whether it is time again."""
        if self._clock() - self._said < REREAD_SECONDS:
            return False
        self._said = self._clock()
        return True
