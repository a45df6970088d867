"""Privileges of MONGO_DB_URL's user in the database, by MongoDB's `connectionStatus`; nothing is tried."""

from dataclasses import dataclass

from pycemaker.mongo.database import Database, one_exchange

_NEEDED = {"read": {"find", "listIndexes"}, "write": {"insert", "update", "remove"}, "index": {"createIndex"}}


@dataclass(frozen=True)
class Privileges:
    """The user's rights: to read samples, to write reports, and to make indexes."""

    read: bool
    write: bool
    index: bool


def read_privileges(database: Database) -> Privileges:
    """The privileges on the whole database; all of them where MongoDB asks for no login.

    Raises:
        DatabaseUnreachable: MongoDB is away, or refuses the login.
    """
    with one_exchange():
        status = database.handle.command({"connectionStatus": 1, "showPrivileges": True})["authInfo"]
    if not status["authenticatedUsers"]:
        return Privileges(read=True, write=True, index=True)
    name, granted = database.handle.name, set[str]()
    for privilege in status["authenticatedUserPrivileges"]:
        resource = privilege["resource"]
        is_here = resource.get("db") in ("", name) and resource.get("collection") == ""
        if is_here or resource.get("anyResource"):
            granted |= set(privilege["actions"])
    return Privileges(**{right: needed <= granted for right, needed in _NEEDED.items()})
