"""The rules and their states in MongoDB.

`alert_rules` has the rules of callers, and the default rules that were changed; `alert_states` a document an
application with anything to remember, changed by compare-and-set on its `revision`.
"""

import logging
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import datetime

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from pycemaker.alerts.alert_lifecycle import Document, Watched, is_sound, watched_of
from pycemaker.alerts.default_rules import DEFAULT_RULES
from pycemaker.alerts.rule import Rule
from pycemaker.alerts.rule_fields import read_stored_rule
from pycemaker.errors import InvalidParameter, TooManyRules, UnknownRule
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.mongo.stored_fields import LENIENT

RULES_COLLECTION = "alert_rules"
STATES_COLLECTION = "alert_states"

MOST_RULES, MOST_RULES_OF_ALL = 100, 50_000
"""Rules that callers may add to one application, and to all: each minute reads them, in two seconds."""

_log = logging.getLogger(__name__)
_BULK_SECONDS = 10.0

_DEFAULTS = {rule.id: rule for rule in DEFAULT_RULES}


class RuleStore:
    """Rules and states in one database. Threads share it. Every method raises DatabaseUnreachable."""

    def __init__(self, database: Database) -> None:
        self.database = database

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

    # --- below

    @property
    def _rules(self) -> Collection[Document]:
        return self.database.durable(RULES_COLLECTION, LENIENT)

    @property
    def _states(self) -> Collection[Document]:
        return self.database.durable(STATES_COLLECTION, LENIENT)
