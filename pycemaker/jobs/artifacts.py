"""Files of each report in GridFS, so that any server can show them. Alone imports gridfs."""

from collections.abc import Mapping
from contextlib import suppress

import gridfs
from gridfs.errors import CorruptGridFile, NoFile
from pymongo import WriteConcern

from pycemaker.errors import UnknownReport
from pycemaker.mongo.database import Database, one_exchange

BUCKET = "report_files"

TRANSFER_SECONDS = 30.0  # For one file there or back: at most 20 MB


class ArtifactStore:
    """The files of all reports, each under `<report id>/<name>` (see `artifact_names`). Threads share it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, report_id: str, contents: Mapping[str, bytes]) -> None:
        """Store files of a report, replacing those of the same name.

        Raises:
            DatabaseUnreachable: some may be stored already; the same call may be made again.
        """
        for name, content in contents.items():
            with one_exchange(TRANSFER_SECONDS):
                bucket = self._bucket()
                with suppress(NoFile):
                    bucket.delete(f"{report_id}/{name}")  # also removes the chunks that a crash left without an entry
                bucket.upload_from_stream_with_id(f"{report_id}/{name}", name, content)

    def get(self, report_id: str, name: str) -> bytes:
        """One file, whole.

        Raises:
            UnknownReport: there is no file of that name, or not all of it; DatabaseUnreachable: MongoDB is away.
        """
        with one_exchange(TRANSFER_SECONDS):
            try:
                return bytes(self._bucket().open_download_stream(f"{report_id}/{name}").read())
            except (NoFile, CorruptGridFile):
                raise UnknownReport from None

    def names(self, report_id: str) -> list[str]:
        """The names of a report's files, sorted."""
        with one_exchange():
            files = self._database[f"{BUCKET}.files"].find({"_id": _ids_of(report_id)}, {"filename": 1})
            return sorted(file["filename"] for file in files)

    def remove(self, report_id: str) -> None:
        """Remove every file of a report, and the chunks that a crash left."""
        with one_exchange(TRANSFER_SECONDS):
            self._database[f"{BUCKET}.files"].delete_many({"_id": _ids_of(report_id)})
            self._database[f"{BUCKET}.chunks"].delete_many({"files_id": _ids_of(report_id)})

    def _bucket(self) -> gridfs.GridFSBucket:
        return gridfs.GridFSBucket(
            self._database.handle, BUCKET, write_concern=WriteConcern(w="majority", wtimeout=10_000)
        )


def _ids_of(report_id: str) -> dict[str, str]:
    """The ids that start with `<report id>/`, as a range that an index serves."""
    return {"$gte": f"{report_id}/", "$lt": f"{report_id}0"}  # 0 comes after the slash
