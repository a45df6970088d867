"""Tries every case: `python -m tests.cases [WORD ...]`; only modules whose name has one of the words, where given.

Each module here whose name ends in `_cases` offers `rows()`. The exit status is 1 where any row is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from tests.cases.table import Row, lines


def rows(words: list[str]) -> Iterator[Row]:
    for file in sorted(Path(__file__).parent.glob("*_cases.py")):
        if not words or any(word in file.stem for word in words):
            yield from import_module(f"tests.cases.{file.stem}").rows()


def main(words: list[str]) -> int:
    tried: list[Row] = []

    def each() -> Iterator[Row]:
        for row in rows(words):
            tried.append(row)
            yield row

    for line in lines(each()):
        print(line, flush=True)
    return 0 if all(row.is_right for row in tried) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
