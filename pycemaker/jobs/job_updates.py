"""Changes of an entry as MongoDB's expressions, in which every instant is the database's own. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Expression = dict[str, Any]


def now_plus(milliseconds: int) -> Expression:
    """The instant so long from now."""
    return {"$add": ["$$NOW", milliseconds]}


def now_minus(seconds: float) -> Expression:
    """The instant so long ago."""
    return {"$subtract": ["$$NOW", round(seconds * 1000)]}


def give_up_at() -> Expression:
    """Until when a report's mails are tried that is made now; where the entry does not say for how long, as it was."""
    return {"$ifNull": [{"$add": ["$$NOW", {"$multiply": ["$give_up_seconds", 1000]}]}, "$give_up_at"]}


def literal(fields: Mapping[str, Any]) -> Expression:
    """Fields as they are, whatever stands in them."""
    return {name: {"$literal": value} for name, value in fields.items()}


def history_with(state: str) -> Expression:
    """The history, this state's beginning added."""
    return {"$concatArrays": ["$history", [{"state": state, "at": "$$NOW"}]]}


def recipient_state(state: str) -> Expression:
    """A recipient's fields that say that they are in this state since now; the recipient is `$$one`."""
    return {"state": state, "at": {"$mergeObjects": ["$$one.at", {state: "$$NOW"}]}}


def append_refusal(reason: str, most: int) -> Expression:
    """A recipient's refusals, this one added; the latest `most` of them. The recipient is `$$one`."""
    before = {"$ifNull": ["$$one.refusals", []]}
    return {"$slice": [{"$concatArrays": [before, [{"at": "$$NOW", "reason": {"$literal": reason}}]]}, -most]}


def update_recipient(place: int, fields: Expression, without: Sequence[str] = ()) -> Expression:
    """The recipients, one of them changed: `fields` may speak of it as `$$one`, and those of `without` go."""
    changed: Expression = {"$mergeObjects": ["$$one", fields]}
    for name in without:
        changed = {"$unsetField": {"field": name, "input": changed}}
    picked = {"$cond": [{"$eq": ["$$place", place]}, changed, "$$one"]}
    one = {"$arrayElemAt": ["$recipients", "$$place"]}
    places = {"$range": [0, {"$size": "$recipients"}]}
    return {"$map": {"input": places, "as": "place", "in": {"$let": {"vars": {"one": one}, "in": picked}}}}


def with_each_recipient(recipients: Sequence[Mapping[str, Any]], fields: Expression) -> Expression:
    """These recipients, each with the fields, which may speak of it as `$$one`."""
    return {"$map": {"input": {"$literal": recipients}, "as": "one", "in": {"$mergeObjects": ["$$one", fields]}}}


def update_recipients_in(states: Sequence[str], fields: Expression) -> Expression:
    """The recipients, those in one of these states changed: `fields` may speak of each as `$$one`."""
    changed = {"$mergeObjects": ["$$one", fields]}
    picked = {"$cond": [{"$in": ["$$one.state", list(states)]}, changed, "$$one"]}
    return {"$map": {"input": "$recipients", "as": "one", "in": picked}}
