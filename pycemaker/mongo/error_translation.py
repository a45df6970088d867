"""Translation of PyMongo's errors into this project's: one cause, one error, without host, user or password. Pure."""

import re

from pymongo.errors import NotPrimaryError, PyMongoError, ServerSelectionTimeoutError
from pymongo.topology_description import TopologyDescription

from pycemaker import errors

_AUTHENTICATION_FAILED, _UNAUTHORIZED, _ATLAS = 18, 13, 8000
_NOT_PRIMARY = (10107, 13435, 13436)
_WITHOUT_PRIMARY = re.compile(r"server_type: RS(?:Ghost|Secondary|Other)\b")
"""Kinds of members that the driver sees without a primary; `RSGhost` is one that nobody has initiated."""

_LOGIN = ("requires authentication", "Authentication failed")
"""MongoDB's messages; after a refused login the driver repeats them without their code, where no server is in sight."""

_COMMAND = re.compile(r"to execute command \{ (\w{1,40}):")
_WRITES = ("insert", "update", "delete", "findAndModify", "findandmodify", "create", "drop")
_RIGHTS: dict[str, type[errors.RightMissing]] = {
    "createIndexes": errors.NoRightToIndex,
    **dict.fromkeys(_WRITES, errors.NoRightToWrite),
}


def from_topology(topology: TopologyDescription) -> errors.DatabaseUnreachable:
    """The reason why no server is in sight, by what the driver last saw of each."""
    servers = topology.server_descriptions().values()
    faults = [from_pymongo(server.error) for server in servers if isinstance(server.error, PyMongoError)]
    if not servers and topology.topology_type_name.startswith("ReplicaSet"):
        return errors.WrongReplicaSet(reason="no member of it")
    known = [fault for fault in faults if type(fault) is not errors.DatabaseUnreachable]
    if not known and _WITHOUT_PRIMARY.search(repr(topology)):
        return errors.NoPrimary(reason="no primary in sight")
    return known[0] if known else errors.DatabaseUnreachable(reason="no MongoDB in sight")


def from_pymongo(error: PyMongoError) -> errors.DatabaseUnreachable:
    """The fault by its cause: the login, a right, the replica set, TLS; else that MongoDB is not reachable."""
    code, text = getattr(error, "code", None), str(error)
    reason = type(error).__name__ + (f" {code}" if code else "")
    if code == _AUTHENTICATION_FAILED or (code == _ATLAS and "auth" in text) or any(each in text for each in _LOGIN):
        return errors.DatabaseLoginRefused(reason=reason)
    if code == _UNAUTHORIZED:
        command = _COMMAND.search(text)
        return _RIGHTS.get(command[1] if command else "", errors.NoRightToRead)(reason=reason)
    if code is None and ("replica set name" in text):
        return errors.WrongReplicaSet(reason=reason)
    if code is None and ("SSL" in text or "certificate" in text or "connection closed" in text):
        return errors.DatabaseTlsFailed(reason=reason)
    if _is_without_primary(error):
        return errors.NoPrimary(reason=reason)
    return errors.DatabaseUnreachable(reason=reason)


def _is_without_primary(error: PyMongoError) -> bool:
    """True where a member said that it is no primary, or the driver saw only such members; not one that stops."""
    if isinstance(error, NotPrimaryError) and isinstance(error.details, dict):
        return error.details.get("code") in _NOT_PRIMARY
    return isinstance(error, ServerSelectionTimeoutError) and bool(_WITHOUT_PRIMARY.search(str(error)))
