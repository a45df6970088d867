"""Pages of whole documents in the order of the index, without an object for each document.

PyMongo's raw batches make an object of every document to take it out of MongoDB's reply: for a week, 120,960 documents,
that is 120 ms of processor time, as much as MongoDB itself needs to find and send them. Here a reply stays the bytes
that came, and numpy finds the documents in it: 25 ms.

Each page is a query of its own that begins where the page before it ended. So MongoDB keeps no cursor, a caller may
stop in the middle, and each exchange is bounded by itself. While a page is worked on, the next one is on its way.
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
    """A query of one page.

    Attributes:
        command: the `find`, but for where it begins.
        start: the key in the index at which it begins, as BSON.
        prefix: the elements of each key before the time.
        known: how many documents from that key on are known already.
    """

    database: Database
    command: Document
    start: bytes
    prefix: bytes = b""
    known: int = 0

    def run(self) -> DocumentPage:
        """The page. Raises PyMongo's errors."""
        handle = self.database.handle
        bounds = {"min": RawBSONDocument(self.start), "skip": self.known}
        reply = handle.command(
            {**self.command, **bounds}, codec_options=_UNREAD, read_preference=handle.read_preference
        )
        raw = bytes(reply.raw)
        cursor = elements_of(raw, elements_of(raw)["cursor"].start)
        batch = cursor["firstBatch"]
        [cursor_id] = struct.unpack_from("<q", raw, cursor["id"].start)
        if cursor_id:  # more than a reply can hold
            handle.command({"killCursors": self.command["find"], "cursors": [Int64(cursor_id)]})
        return DocumentPage(self, split_array(raw, batch.start, batch.end), is_cut=bool(cursor_id))


@dataclass(frozen=True)
class DocumentPage:
    """A page that came. `is_cut`: whether they are fewer than the limit only because a reply holds no more."""

    query: _PageQuery
    documents: Documents
    is_cut: bool

    def next_query(self) -> _PageQuery | None:
        """The query of the next page; None where this is the last one."""
        count = len(self.documents)
        if not count or not (self.is_cut or count == self.query.command["limit"]):
            return None
        for index in range(count - 1, -1, -1):
            last = key_of(self.documents.document_at(index), self.query.prefix)
            if last is not None and last != self.query.start:
                return replace(self.query, start=last, known=0)
        return replace(self.query, known=self.query.known + count)

    def new_documents(self) -> Documents:
        """The documents without the one with which the page before ended.

        It is the first one that is dated: lists of times are sorted by the earliest of them, and so may precede it.
        """
        for index in range(len(self.documents)):
            key = key_of(self.documents.document_at(index), self.query.prefix)
            if key is not None:
                if key != self.query.start:
                    break
                whole, first = self.documents, index + 1
                return Documents(whole.raw, whole.starts[first:], whole.ends[first:])
        return self.documents


def fetch_first_page(database: Database, command: Document, start: bytes, prefix: bytes = b"") -> DocumentPage:
    """The first documents from `start` on.

    Args:
        command: a `find` with `max`, a hint and a sort, that says nothing about where it begins or how many it takes.
        start: the key in the index at which it begins, as BSON; no document has that very key.
        prefix: the elements of each key before the time.

    Raises:
        DatabaseUnreachable: MongoDB is away, or does not do it.
    """
    limits = {"limit": PAGE_DOCUMENTS, "batchSize": PAGE_DOCUMENTS}
    return _fetch(_PageQuery(database, {**command, **limits}, start, prefix))


def iterate_pages(page: DocumentPage, pool: Executor) -> Iterator[Documents]:
    """The page's documents and all that follow; the pool fetches the next page. Raises as `fetch_first_page`."""
    while True:
        query = page.next_query()
        following = pool.submit(_fetch, query) if query else None
        yield page.new_documents()
        if following is None:
            return
        page = following.result()


def _fetch(query: _PageQuery) -> DocumentPage:
    """The page; asked for once more where the connection turns out to be an old one."""
    with one_exchange():
        try:
            return query.run()
        except AutoReconnect:
            return query.run()
