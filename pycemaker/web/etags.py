"""ETags: strong tags of answers' bytes, and their comparison with `If-None-Match` (RFC 9110)."""

from collections.abc import Iterable

from pycemaker.series.batches import Batch, batches_digest, text_digest


def etag_of_body(body: bytes) -> str:
    """The tag of an answer that is known whole."""
    return f'"{text_digest(body)}"'


def etag_of_batches(parts: Iterable[Iterable[Batch]], *more: str) -> str:
    """The tag of an answer made of these batches of documents, by their digests, and of everything else in it."""
    return f'"{batches_digest((), *map(batches_digest, parts), *more)}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """True where an `If-None-Match` header has this tag (RFC 9110, 13.1.2)."""
    if not if_none_match:
        return False
    given = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return if_none_match == etag or any(tag in ("*", etag) for tag in given)
