"""The allow-list of recipients, as REPORT_RECIPIENTS has it: addresses, `@domains` and `*`.

It is checked as a request is read (`Settings.read_recipients`), and again before each mail leaves (`jobs.deliver_job`).
"""

from collections.abc import Iterable

from pycemaker.parsing.addresses import SEPARATORS, parse_address, parse_domain


def parse_allowed(text: str) -> tuple[str, ...]:
    """An allow-list in small letters: addresses, `@domains` and `*`, by commas or semicolons.

    Raises:
        ValueError: an entry is none of these, or there is none at all; InvalidAddress: an entry is no address.
    """
    entries = [entry.strip() for entry in SEPARATORS.split(text) if entry.strip()]
    if not entries:
        raise ValueError(text)
    return tuple(map(_entry, entries))


def _entry(entry: str) -> str:
    if entry == "*":
        return entry
    if not entry.startswith("@"):
        return parse_address(entry, single_label=True).lower()
    domain = parse_domain(entry[1:])
    if domain is None:
        raise ValueError(entry)
    return f"@{domain.lower()}"


def is_allowed(address: str, entries: Iterable[str]) -> bool:
    """True where an entry of the list names the address, compared without regard to case."""
    plain = address.lower()
    domain = "@" + plain.rpartition("@")[2]
    return any(entry in ("*", plain, domain) for entry in entries)
