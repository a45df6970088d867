"""The fields of forms, as `form_fields.html` shows them: labels, choices, help, and the one that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """A field of a form.

    Attributes:
        kind: `text`, `number`, `decimal` (a number that may have a comma), `time`, `select`.
        choices: of a `select`, the label of each value.
        is_wide: whether it takes a line of its own.
    """

    name: str
    label: str
    kind: str = "text"
    help: str = ""
    choices: Mapping[str, str] | None = None
    is_wide: bool = False
