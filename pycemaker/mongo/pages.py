"""Whole documents in the order of the index, page by page, without an object for each.

PyMongo's raw batches make an object of every document to take it out of MongoDB's reply: for a week, 120,960 documents,
that is 120 ms of processor time, as much as MongoDB itself needs to find and send them. Here a reply stays the bytes
that came, and numpy finds the documents in it: 25 ms.

Each page is a query of its own that begins where the page before it ended. So there is no cursor that a server would
have to keep, nothing to give back when somebody stops in the middle, and each exchange is bounded by itself. While a
page is worked on, the next one is on its way.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from bson.codec_options import CodecOptions
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from pymongo.errors import AutoReconnect

from pycemaker.columnar.parse import elements_of, key_of
from pycemaker.columnar.split import Documents, split_array
from pycemaker.mongo.database import Database, Document, one_exchange

PAGE_DOCUMENTS = 10_000
"""Documents a page, about 1.4 MB: what is done once a page (0.5 ms) costs little of it, and work on it starts early."""

_UNREAD: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


@dataclass(frozen=True)
class _PageQuery:
    """A page: from which place in the index to which, and how many documents after the first of these are known."""

    database: Database
    command: Document
    start: bytes
    known: int = 0

    def ask(self) -> DocumentPage:
        """The page; asked for once more where the connection turns out to be an old one."""
        try:
            return self._ask()
        except AutoReconnect:
            return self._ask()

    def _ask(self) -> DocumentPage:
        handle = self.database.handle
        own = {"min": RawBSONDocument(self.start), "skip": self.known}
        reply = handle.command({**self.command, **own}, codec_options=_UNREAD, read_preference=handle.read_preference)
        raw = bytes(reply.raw)
        inside = elements_of(raw, elements_of(raw)["cursor"].start)
        batch = inside["firstBatch"]
        [cursor_id] = struct.unpack_from("<q", raw, inside["id"].start)
        if cursor_id:  # more than a reply can hold
            handle.command({"killCursors": self.command["find"], "cursors": [Int64(cursor_id)]})
        return DocumentPage(self, split_array(raw, batch.start, batch.end), is_cut=bool(cursor_id))


@dataclass(frozen=True)
class DocumentPage:
    """What came: the documents, and whether they are fewer than were asked for only because a reply holds no more."""

    question: _PageQuery
    documents: Documents
    is_cut: bool

    def following(self) -> _PageQuery | None:
        """What to ask next; None where this is the end."""
        count = len(self.documents)
        if not count or not (self.is_cut or count == self.question.command["limit"]):
            return None
        for index in range(count - 1, -1, -1):
            last = key_of(self.documents.document_at(index))
            if last is not None and last != self.question.start:
                return replace(self.question, start=last, known=0)
        return replace(self.question, known=self.question.known + count)

    def new(self) -> Documents:
        """The documents without the one that ended the page before.

        It is the first one that is dated: lists of times are sorted by the earliest of them, and so may precede it.
        """
        for index in range(len(self.documents)):
            key = key_of(self.documents.document_at(index))
            if key is not None:
                return self.documents.part(index + 1) if key == self.question.start else self.documents
        return self.documents


def fetch_first_page(database: Database, command: Document, start: bytes) -> DocumentPage:
    """The first documents from `start` on.

    Args:
        database: where they are.
        command: a `find` with `max`, a hint and a sort, that says nothing about where it begins or how many it takes.
        start: the place in the index where it begins, as BSON; no document is at that very place.

    Raises:
        DatabaseUnreachable: MongoDB is away, or does not do it.
    """
    limits = {"limit": PAGE_DOCUMENTS, "batchSize": PAGE_DOCUMENTS}
    return _bounded(_PageQuery(database, {**command, **limits}, start))


def iterate_pages(page: DocumentPage, pool: Executor) -> Iterator[Documents]:
    """Its documents and all that follow; the next page is waited for in the pool. Raises as `fetch_first_page`."""
    while True:
        question = page.following()
        coming = pool.submit(_bounded, question) if question else None
        yield page.new()
        if coming is None:
            return
        page = coming.result()


def _bounded(question: _PageQuery) -> DocumentPage:
    with one_exchange():
        return question.ask()
