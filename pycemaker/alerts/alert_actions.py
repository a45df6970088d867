"""Actions on alerts: acknowledging one, and muting a rule until an instant. Both go by compare-and-set."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from pycemaker.alerts.alert_lifecycle import AT_EASE, Watched, new_document, watched_of, with_watched
from pycemaker.alerts.rule_store import RuleStore
from pycemaker.errors import DatabaseUnreachable
from pycemaker.monitor.alert_history import AlertHistory

_ATTEMPTS = 5


def acknowledge(store: RuleStore, application: str, rule_ids: Iterable[str], now: datetime) -> int:
    """Note that somebody looks after the open alerts of these rules, until they end; the number of them.

    Raises:
        DatabaseUnreachable: MongoDB is away, or changes too fast.
    """

    def change(watched: Watched) -> Watched:
        if watched.alert is None or watched.alert.acknowledged_at is not None:
            return watched
        return replace(watched, alert=replace(watched.alert, acknowledged_at=now))

    return _change(store, application, rule_ids, change)


def mute(store: RuleStore, application: str, rule_ids: Iterable[str], until: datetime | None) -> int:
    """Mail nothing of these rules until an instant; None ends that. The number of rules that changed.

    Raises:
        DatabaseUnreachable: as `acknowledge`.
    """
    return _change(store, application, rule_ids, lambda watched: replace(watched, muted_until=until))


def _change(store: RuleStore, application: str, rule_ids: Iterable[str], change: Callable[[Watched], Watched]) -> int:
    names = list(dict.fromkeys(rule_ids))
    for _ in range(_ATTEMPTS):
        document = store.state(application) or new_document(application, secrets.token_bytes(16))
        watched = watched_of(document)
        changed = {name: change(watched.get(name, AT_EASE)) for name in names}
        different = [name for name in names if changed[name] != watched.get(name, AT_EASE)]
        if not different or store.replace(with_watched(document, watched | changed)):
            alerts = [changed[name].alert for name in different]
            AlertHistory(store.database).save(alert for alert in alerts if alert)
            return len(different)
    raise DatabaseUnreachable(reason="the alerts of this application change all the time")
