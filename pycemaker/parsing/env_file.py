"""Reads `.env`: variables for what the environment lacks. A file that cannot be read is an error, never ignored."""

from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from pycemaker.errors import InvalidSettings


def read(path: Path) -> dict[str, str | None]:
    """The file's variables by name; none where there is no such file.

    Raises:
        InvalidSettings: it is a folder, may not be read, is no UTF-8 (with or without a byte order mark), or has a line
            that sets nothing.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if not path.is_symlink():
            return {}
        raise _refusal(path, "leads to a file that is not there") from None
    except OSError as error:
        raise _refusal(path, f"cannot be read ({error.strerror})") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _refusal(path, f"takes UTF-8 text; line {line} is none") from None
    if "\0" in text:
        raise _refusal(path, "takes UTF-8 text; it has NUL bytes, as UTF-16 does")
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            written = binding.original.string
            line = binding.original.line + written[: len(written) - len(written.lstrip())].count("\n")
            raise _refusal(path, f"takes NAME=value; line {line} is none")
    return dict(dotenv_values(stream=StringIO(text)))


def _refusal(path: Path, problem: str) -> InvalidSettings:
    return InvalidSettings(problems=[f"{path.name} {problem}"])
