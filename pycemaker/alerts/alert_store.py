"""The rules and their states in MongoDB, and the round that one server at a time makes.

`alert_rules` has the rules of callers, and the default rules that were changed; `alert_states` a document an
application with anything to remember, changed by compare-and-set on its `revision`; `alert_rounds` the minute that was
evaluated last, and who evaluates now.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import datetime

from pymongo import WriteConcern
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from pycemaker.alerts.application_rules import Document, Watched, is_sound, watched_of
from pycemaker.alerts.rule import DEFAULT_RULES, Rule
from pycemaker.alerts.rule_fields import read_stored_rule
from pycemaker.analysis.health import MINUTE_MS
from pycemaker.errors import InvalidParameter, TooManyRules, UnknownRule
from pycemaker.jobs.job_updates import now_plus
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.mongo.stored_fields import LENIENT
from pycemaker.window import from_epoch_ms, to_epoch_ms

RULES_COLLECTION = "alert_rules"
STATES_COLLECTION = "alert_states"
ROUNDS_COLLECTION = "alert_rounds"

MOST_RULES, MOST_RULES_OF_ALL = 100, 50_000
"""Rules that callers may add to one application, and to all: each minute reads them, in two seconds."""

LATE_SECONDS = 180
"""The seconds after which the evaluation counts as late: a minute is evaluated some seconds after its end."""

LEASE_SECONDS = 20.0
"""The time after which another server takes over what one that ended has claimed; a minute takes a few seconds."""

_log = logging.getLogger(__name__)
_ROUND = "round"
_BULK_SECONDS = 10.0

CLOCK_STEP_MS = 2 * MINUTE_MS
"""How far ahead the minute that was evaluated last may be: further ahead a clock was wrong, and it does not count."""

_DEFAULTS = {rule.id: rule for rule in DEFAULT_RULES}


class AlertStore:
    """Rules and states in one database. Threads share it. Every method raises DatabaseUnreachable."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._owner = secrets.token_hex(8)

    def now(self) -> datetime:
        """The present by MongoDB's clock."""
        return self.database.now()

    # --- rules

    def rules(self, application: str) -> list[Rule]:
        """The rules of an application, those that are turned off included: the default ones first."""
        with one_exchange():
            return self._with_defaults(self._rules.find({"_id.application": application}))

    def every_rule(self) -> dict[str, list[Rule]]:
        """The rules of each application that has other ones than the default rules."""
        stored: dict[str, list[Document]] = {}
        with one_exchange(_BULK_SECONDS):
            for document in self._rules.find({}):
                if isinstance(own := document["_id"], dict) and isinstance(own.get("application"), str):
                    stored.setdefault(own["application"], []).append(document)
        return {application: self._with_defaults(documents) for application, documents in stored.items()}

    def rule(self, application: str, rule_id: str) -> Rule:
        """One rule. Raises UnknownRule."""
        for rule in self.rules(application):
            if rule.id == rule_id:
                return rule
        raise UnknownRule

    def save_rule(self, application: str, rule: Rule) -> None:
        """Store a rule, a new one or in place of the one that is there. Raises TooManyRules: there are as many."""
        own_id = {"application": application, "rule": rule.id}
        fields = {name: value for name, value in asdict(rule).items() if name != "id"}
        with one_exchange():
            others = {"_id.application": application, "_id.rule": {"$ne": rule.id}}
            if self._rules.count_documents(others) >= MOST_RULES:
                raise TooManyRules(limit=MOST_RULES)
            if self._rules.estimated_document_count() >= MOST_RULES_OF_ALL and not self._rules.find_one(
                {"_id": own_id}
            ):
                raise TooManyRules(limit=MOST_RULES_OF_ALL)
            self._rules.replace_one({"_id": own_id}, {"_id": own_id, **fields}, upsert=True)

    def remove_rule(self, application: str, rule_id: str) -> None:
        """Remove a rule; a default one is turned off. Raises UnknownRule."""
        rule = self.rule(application, rule_id)
        if rule_id in _DEFAULTS:
            self.save_rule(application, replace(rule, enabled=False))
        else:
            self.reset_rule(application, rule_id)

    def reset_rule(self, application: str, rule_id: str) -> None:
        """Forget what was stored of a rule: a default one is as by default again."""
        with one_exchange():
            self._rules.delete_one({"_id": {"application": application, "rule": rule_id}})

    @staticmethod
    def _with_defaults(documents: Iterable[Document]) -> list[Rule]:
        stored = {}
        for each in documents:
            try:
                rule = read_stored_rule(each)
            except InvalidParameter as error:
                _log.warning("the rule %r of alerts cannot be read: %s", each["_id"], error)
            else:
                stored[rule.id] = rule
        return list((_DEFAULTS | stored).values())

    # --- states

    def states(self) -> dict[str, Document]:
        """Every application's document, but for those that cannot be read: they are removed, and begin anew."""
        with one_exchange(_BULK_SECONDS):
            documents = list(self._states.find({"_id": {"$type": "string"}}))
        for each in documents:
            if not is_sound(each):
                _log.warning("the states of alerts of %.80r cannot be read, and begin anew", each["_id"])
                with one_exchange():
                    self._states.delete_one({"_id": each["_id"]})
        return {each["_id"]: each for each in documents if is_sound(each)}

    def state(self, application: str) -> Document | None:
        """An application's document; None where it has nothing to remember."""
        with one_exchange():
            document = self._states.find_one({"_id": application})
        return document if document and is_sound(document) else None

    def watched(self, application: str) -> dict[str, Watched]:
        """An application's rules that are not at rest, by id."""
        document = self.state(application)
        return watched_of(document) if document else {}

    def replace(self, document: Document) -> bool:
        """Store a document in place of the one that it was made of; False where somebody has changed that since."""
        changed = document | {"revision": document["revision"] + 1}
        with one_exchange():
            if document["revision"]:
                query = {"_id": document["_id"], "revision": document["revision"]}
                return self._states.replace_one(query, changed).matched_count > 0
            try:
                self._states.insert_one(changed)
            except DuplicateKeyError:
                return False
        return True

    def clear_pending(self, document: Document) -> None:
        """Note that what was pending is stored and mailed."""
        query = {"_id": document["_id"], "pending.at": document["pending"]["at"]}
        with one_exchange():
            self._states.update_one(query, {"$set": {"pending": None}, "$inc": {"revision": 1}})

    # --- rounds

    def claim_round(self, minute_ms: int) -> int | None:
        """Claim the evaluation up to this minute; the minute that was evaluated last.

        None where that is done, or another server is at it, whose claim lapses after LEASE_SECONDS.
        """
        lease_ms, last = round(LEASE_SECONDS * 1000), from_epoch_ms(minute_ms)
        is_leased = {"$and": [{"$gt": ["$lease_until", "$$NOW"]}, {"$lte": ["$lease_until", now_plus(2 * lease_ms)]}]}
        claim = {"owner": self._owner, "lease_until": now_plus(lease_ms)}
        is_done = {
            "$and": [{"$gte": ["$minute", last]}, {"$lte": ["$minute", from_epoch_ms(minute_ms + CLOCK_STEP_MS)]}]
        }
        query = {"_id": _ROUND, "$expr": {"$not": {"$or": [is_done, is_leased]}}}
        first = {"minute": from_epoch_ms(minute_ms - MINUTE_MS), "lease_until": from_epoch_ms(0)}
        with one_exchange():
            self._rounds.update_one({"_id": _ROUND}, {"$setOnInsert": first}, upsert=True)
            document = self._rounds.find_one_and_update(query, [{"$set": claim}])
        return None if document is None else min(_minute_ms(document), minute_ms - MINUTE_MS)

    def finish_round(self, minute_ms: int, *, is_last: bool) -> bool:
        """Note that a minute is evaluated, and give the claim back after the last one; False where it was lost."""
        until = from_epoch_ms(0) if is_last else now_plus(round(LEASE_SECONDS * 1000))
        values = {"minute": from_epoch_ms(minute_ms), "lease_until": until}
        with one_exchange():
            return self._rounds.update_one({"_id": _ROUND, "owner": self._owner}, [{"$set": values}]).matched_count > 0

    def last_minute_ms(self) -> int:
        """The end of the minute that was evaluated last, milliseconds since 1970 in UTC; 0 before the first round."""
        with one_exchange():
            document = self._rounds.find_one({"_id": _ROUND})
        return _minute_ms(document or {})

    def late_seconds(self) -> float | None:
        """The seconds since the end of the minute that was evaluated last, by MongoDB's clock; None before any."""
        last_ms = self.last_minute_ms()
        return max(0.0, (to_epoch_ms(self.now()) - last_ms) / 1000) if last_ms else None

    # --- below

    @property
    def _rules(self) -> Collection[Document]:
        return self._durable(RULES_COLLECTION)

    @property
    def _states(self) -> Collection[Document]:
        return self._durable(STATES_COLLECTION)

    @property
    def _rounds(self) -> Collection[Document]:
        return self._durable(ROUNDS_COLLECTION)

    def _durable(self, collection: str) -> Collection[Document]:
        concern = WriteConcern(w="majority", j=True, wtimeout=5000)
        return self.database[collection].with_options(LENIENT, write_concern=concern)


def _minute_ms(document: Document) -> int:
    """The minute of the round's document; 0 where it has none."""
    minute = document.get("minute")
    return to_epoch_ms(minute) if isinstance(minute, datetime) else 0
