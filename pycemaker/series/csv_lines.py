"""Lines of CSV (RFC 4180) out of columns of numbers. Pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray


def csv_lines(
    time_ms: NDArray[np.int64],
    numbers: Sequence[NDArray[Any]],
    codes: NDArray[np.int16] | None = None,
    names: Sequence[str] = (),
    end: bytes = b"\n",
) -> bytes:
    """Lines of CSV without a header: a time, numbers (empty where not finite), a word where there are codes of words.

    Empty without a line.
    """
    if not len(time_ms):
        return b""
    times = np.datetime_as_string(time_ms.astype("M8[ms]"), timezone="UTC").astype("S").tolist()
    columns = [_texts(column) for column in numbers]
    quoted = [_quoted(name).encode() for name in names]
    words = [] if codes is None else [[quoted[code] for code in codes.tolist()]]
    return end.join(map(b",".join, zip(times, *columns, *words, strict=True))) + end


def _texts(column: NDArray[Any]) -> list[bytes]:
    """Each number as text; empty where it is not finite."""
    return orjson.dumps(column, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].replace(b"null", b"").split(b",")


def _quoted(word: str) -> str:
    """The word as a field of CSV (RFC 4180)."""
    return '"' + word.replace('"', '""') + '"' if set(word) & set(',"\r\n') else word
