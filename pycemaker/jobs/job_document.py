"""What stands in the ledger when a report has just been asked for. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pycemaker.jobs import states


@dataclass(frozen=True)
class Submission:
    """How a report was asked for, beyond what it is.

    Attributes:
        repeat_key: equal for requests that mean the same report (`make_repeat_key`).
        idempotency_key: what the caller called the request; its digest is kept, not itself. None without one.
        queue_limit: how many reports may be waiting, this one not counted.
        repeat_seconds: for how long after its acceptance a report stands for requests that mean the same.
        give_up_seconds: for how long its mails are tried, from when it is made.
    """

    repeat_key: str
    idempotency_key: str | None = None
    queue_limit: int = 20
    repeat_seconds: float = 60.0
    give_up_seconds: float = 14_400.0


def make_repeat_key(
    notebook: str,
    end: str,
    hours: int,
    parameters: Mapping[str, Any],
    attach: Sequence[str],
    to: Sequence[str],
    sender: str = "",
) -> str:
    """A digest that is the same for requests that mean the same report.

    Args:
        notebook: its name.
        end: where the interval ends, or `now`, which stays `now`: two clicks a second apart are one request, although
            their intervals end a second apart.
        hours: the interval's length.
        parameters: the notebook's own.
        attach: what travels with it, in whatever order.
        to: the recipients, in whatever order and case.
        sender: by which account it leaves.
    """
    whole = [notebook, end, hours, sorted(parameters.items()), sorted(attach), sorted(map(str.lower, to)), sender]
    return sha256_hex(json.dumps(whole, ensure_ascii=True))


def sha256_hex(text: str | bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def new_recipients(report_id: str, addresses: Sequence[str], domain: str) -> list[dict[str, Any]]:
    """An entry for each recipient, with the Message-ID under which theirs will go out, whoever sends it and when."""
    return [
        {
            "address": address,
            "state": states.QUEUED,
            "attempts": 0,
            "message_id": f"<{report_id}.{place}@{domain}>",
            "at": {},
        }
        for place, address in enumerate(addresses)
    ]


_HIDDEN = {
    *("_id", "owner", "due_at", "taken_at", "give_up_seconds", "sender"),
    *("repeat_key", "idempotency_key", "idempotency_digest"),
}


def public_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as it is shown: without what only the servers need to divide the work."""
    recipients = [{n: v for n, v in one.items() if n != "begun_by"} for one in document["recipients"]]
    shown = {name: value for name, value in document.items() if name not in _HIDDEN}
    return {"id": document["_id"]} | shown | {"recipients": recipients}


def first_due(moments: Sequence[datetime | None]) -> datetime | None:
    """The earliest of them; None where there is none."""
    return min((moment for moment in moments if moment is not None), default=None)
