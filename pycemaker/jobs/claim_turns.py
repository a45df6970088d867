"""Turns of claims: callers' and schedules' reports alternately, and within each the applications one after another."""

import itertools

from pycemaker.jobs.job_document import JobDocument


class ClaimTurns:
    """Whose report one server claims next. Threads share it."""

    def __init__(self) -> None:
        self._count = itertools.count()
        self._served: dict[bool | None, str] = {}

    def shares(self) -> list[JobDocument]:
        """The filters that a claim tries, in this order, so that neither callers nor schedules wait for all others.

        Within each the applications take turns by name, the oldest report of each first. Where n applications wait,
        each is served within 2n claims of any server.
        """
        shares: list[JobDocument] = []
        for unsettled in (None, True) if next(self._count) % 2 == 0 else (True, None):  # True in a schedule's reports
            if unsettled in self._served:
                shares.append({"unsettled": unsettled, "application": {"$gt": self._served[unsettled]}})
            shares.append({"unsettled": unsettled})
        return shares

    def note(self, share: JobDocument, job: JobDocument | None) -> None:
        """Note whose turn it was; a round that has come to its end begins anew."""
        if "unsettled" in share:
            self._served.pop(share["unsettled"], None)
            if job is not None:
                self._served[share["unsettled"]] = str(job.get("application", ""))
