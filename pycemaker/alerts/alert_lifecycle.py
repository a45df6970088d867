"""Life of an application's alerts, a minute at a time: fired, mailed again while they last, ended. Pure.

The application's document in MongoDB holds its watched rules, those that are not at rest, and what is `pending`: alerts
that have to be stored and mailed still. Both change in one write, so that a server may end anywhere and the next one
goes on.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pycemaker.alerts.rule import Rule
from pycemaker.alerts.rule_state import AT_REST, STATES, Observation, RuleState, next_state
from pycemaker.mongo.stored_fields import read_fields
from pycemaker.monitor.alert_history import Alert
from pycemaker.parsing.application_names import DEFAULT_APPLICATION, is_application
from pycemaker.window import from_epoch_ms

Document = dict[str, Any]

FIRED, LASTS, ENDED = "fired", "lasts", "ended"
"""What a mail tells of an alert."""
CHANGES = (FIRED, LASTS, ENDED)
"""In the order in which a mail tells them: its subject is that of the first one."""

FIRST_REPEAT = timedelta(hours=4)
"""The time after which an alert that lasts is mailed again; after that twice as long each time."""

_MOST_DOUBLINGS = 12
_FIELDS = {"revision": int, "key": bytes, "number": int, "watched": dict}
_PENDING_FIELDS = {"at": datetime, "alerts": list, "changes": dict, "first_number": int}


@dataclass(frozen=True)
class Watched:
    """A rule's state, its open alert, and what was mailed of that.

    Attributes:
        alert: None where none is open.
        mails: how many.
        again_at: when the next one is due; None before the first.
        first_number: the number of the first one in its application; None before it.
        muted_until: no mail before; None where it is not muted.
    """

    state: RuleState = AT_REST
    alert: Alert | None = None
    mails: int = 0
    again_at: datetime | None = None
    first_number: int | None = None
    muted_until: datetime | None = None

    def is_muted(self, now: datetime) -> bool:
        """True where nothing is mailed now."""
        return self.muted_until is not None and now < self.muted_until


AT_EASE = Watched()
"""A rule at rest, of which nothing is to be remembered."""


def new_document(application: str, key: bytes) -> Document:
    """The document of an application whose rules are all at rest; `key` makes the ids of its mails."""
    return {"_id": application, "revision": 0, "key": key, "number": 0, "watched": {}, "pending": None}


def is_sound(document: Document) -> bool:
    """True for an application's document whose fields are all there, and of their types."""
    name, pending = document.get("_id"), document.get("pending", "")
    parts = [(document, _FIELDS), *([] if pending is None else [(pending, _PENDING_FIELDS)])]
    return (name == DEFAULT_APPLICATION or is_application(name)) and all(
        isinstance(part, dict) and all(isinstance(part.get(field), kind) for field, kind in fields.items())
        for part, fields in parts
    )


def watched_of(document: Mapping[str, Any]) -> dict[str, Watched]:
    """The watched rules of a sound document, by their ids; a rule whose state cannot be read is at rest."""
    read = {name: _watched(each) for name, each in document["watched"].items()}
    return {name: each for name, each in read.items() if each}


def _watched(fields: Any) -> Watched | None:
    if not isinstance(fields, Mapping):
        return None
    alert = read_fields(Alert, fields.get("alert"))
    state = read_fields(RuleState, fields.get("state"))
    return read_fields(Watched, {**fields, "state": state, "alert": alert}) if state and state.state in STATES else None


def with_watched(document: Document, watched: Mapping[str, Watched]) -> Document:
    """The document with these watched rules."""
    return document | {"watched": {name: asdict(each) for name, each in watched.items() if each != AT_EASE}}


def after_minute(
    document: Document, rules: Iterable[Rule], at_ms: int, observe: Callable[[Rule], Observation], *, mails: bool
) -> Document:
    """The document after one more minute; equal to the one before where nothing changed.

    A rule that is there no more comes to rest, and its alert ends.

    Args:
        document: the application's, without anything pending.
        rules: those that are enabled.
        at_ms: the end of the minute.
        observe: gives what a rule sees of the minute.
        mails: whether anybody is mailed at all.
    """
    before = watched_of(document) if document["watched"] else {}
    by_id = {rule.id: rule for rule in rules}
    after: dict[str, Watched] = {}
    alerts: list[Alert] = []
    changes: dict[str, str] = {}
    first_number = document["number"] + 1
    for name in {**by_id, **before}:
        old, rule = before.get(name, AT_EASE), by_id.get(name)
        state = next_state(rule, old.state, observe(rule)) if rule else AT_REST
        if old is AT_EASE and not state.is_open:  # as nearly all are, of a thousand applications
            after[name] = AT_EASE if state is AT_REST else Watched(state)
            continue
        after[name], alert, change = _step(document, rule, old, state, from_epoch_ms(at_ms), mails=mails)
        if alert:
            alerts.append(alert)
        if alert and change:
            changes[alert.id] = change
            first_number = min(first_number, old.first_number or first_number)
    if not alerts and {name: each for name, each in after.items() if each != AT_EASE} == before:
        return document  # `with_watched` takes the most time of all, where thousands of alerts are open
    changed = with_watched(document, after)
    if alerts:
        pending = {
            "at": from_epoch_ms(at_ms),
            "alerts": [asdict(each) for each in alerts],
            "changes": changes,
            "first_number": first_number,
        }
        changed |= {"number": document["number"] + bool(changes), "pending": pending}
    return changed


def _step(
    document: Document, rule: Rule | None, old: Watched, state: RuleState, at: datetime, *, mails: bool
) -> tuple[Watched, Alert | None, str | None]:
    """The watched rule in its new state; its alert where that changed or is to be mailed; and what of it is mailed."""
    muted_until = old.muted_until if old.is_muted(at) else None
    if not state.is_open:
        ended = replace(old.alert, ended_at=at) if old.alert else None
        return Watched(state, muted_until=muted_until), ended, ENDED if ended and old.mails and mails else None
    alert = replace(old.alert, worst=state.worst) if old.alert else _opened(document["_id"], rule, state)
    new = replace(old, state=state, alert=alert, muted_until=muted_until)
    change = None
    if mails and not muted_until and alert and alert.acknowledged_at is None:
        is_due = old.again_at is not None and at >= old.again_at
        change = FIRED if not old.mails else LASTS if is_due else None
    if change:
        first = document["number"] + 1 if old.first_number is None else old.first_number
        again_at = at + FIRST_REPEAT * 2 ** min(old.mails, _MOST_DOUBLINGS)
        new = replace(new, mails=old.mails + 1, again_at=again_at, first_number=first)
    return new, alert if change or alert != old.alert else None, change


def _opened(application: str, rule: Rule | None, state: RuleState) -> Alert | None:
    """The alert that fires with this state."""
    if rule is None or state.fired_ms is None or state.wrong_since_ms is None:
        return None
    since, fired_at = from_epoch_ms(state.wrong_since_ms), from_epoch_ms(state.fired_ms)
    return rule.alert(application, since, fired_at, worst=state.worst)
