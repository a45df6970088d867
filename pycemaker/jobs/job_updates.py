"""MongoDB expressions for updates of a job document, in which every instant is the database's own. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

Expression = dict[str, Any]


def now_plus(milliseconds: int) -> Expression:
    """The instant so many milliseconds from now."""
    return {"$add": ["$$NOW", milliseconds]}


def now_minus(seconds: float) -> Expression:
    """The instant so many seconds ago."""
    return {"$subtract": ["$$NOW", round(seconds * 1000)]}


def literal(fields: Mapping[str, Any]) -> Expression:
    """Fields with these very values, whatever they contain."""
    return {name: {"$literal": value} for name, value in fields.items()}


def history_with(state: str) -> Expression:
    """The history with this state added as of now."""
    return {"$concatArrays": ["$history", [{"state": state, "at": "$$NOW"}]]}


def recipient_state(state: str) -> Expression:
    """Fields of a recipient (`$$one`) in this state as of now."""
    return {"state": state, "at": {"$mergeObjects": ["$$one.at", {state: "$$NOW"}]}}


def append_refusal(reason: str, most: int) -> Expression:
    """The refusals of a recipient (`$$one`) with this one added; the latest `most` of them."""
    before = {"$ifNull": ["$$one.refusals", []]}
    return {"$slice": [{"$concatArrays": [before, [{"at": "$$NOW", "reason": {"$literal": reason}}]]}, -most]}


def update_recipient(index: int, fields: Expression, without: Sequence[str] = ()) -> Expression:
    """The recipients, one of them changed: `fields` may refer to it as `$$one`, and those of `without` are removed."""
    changed: Expression = {"$mergeObjects": ["$$one", fields]}
    for name in without:
        changed = {"$unsetField": {"field": name, "input": changed}}
    picked = {"$cond": [{"$eq": ["$$index", index]}, changed, "$$one"]}
    one = {"$arrayElemAt": ["$recipients", "$$index"]}
    indexes = {"$range": [0, {"$size": "$recipients"}]}
    return {"$map": {"input": indexes, "as": "index", "in": {"$let": {"vars": {"one": one}, "in": picked}}}}


def with_each_recipient(recipients: Sequence[Mapping[str, Any]], fields: Expression) -> Expression:
    """These recipients, each with `fields`, which may refer to it as `$$one`."""
    return {"$map": {"input": {"$literal": recipients}, "as": "one", "in": {"$mergeObjects": ["$$one", fields]}}}


def update_recipients_in(states: Sequence[str], fields: Expression) -> Expression:
    """The recipients, those in one of these states changed: `fields` may refer to each as `$$one`."""
    changed = {"$mergeObjects": ["$$one", fields]}
    picked = {"$cond": [{"$in": ["$$one.state", list(states)]}, changed, "$$one"]}
    return {"$map": {"input": "$recipients", "as": "one", "in": picked}}
