"""Lines of a TOML file by key, which the standard library's parser does not keep. Pure."""

import re


def source_lines(text: str) -> dict[tuple[int, str], int]:
    """The line of each key of a file whose array of tables is `source`, from 1.

    Each is by the number of its table, 0 outside of all, and its own name with that of the table within: `queries.cpu`.
    The table's own line has the empty name.
    """
    lines: dict[tuple[int, str], int] = {}
    count, number, prefix = 0, 0, ""
    for line_number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*(\[\[?)\s*([\w.]+)", line):
            count += header[1] == "[[" and header[2] == "source"
            number = count if re.match(r"source\b", header[2]) else 0
            prefix = "" if header[2] == "source" else f"{header[2].removeprefix('source.')}."
            lines.setdefault((number, prefix.rstrip(".")), line_number)
        elif key := re.match(r"\s*([\w.]+)\s*=", line):
            lines.setdefault((number, prefix + key[1]), line_number)
    return lines
