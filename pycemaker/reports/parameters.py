"""Parameters of a notebook, and the check of values for them. `parameters_cell` reads them from the notebook.

A parameter is one line of the cell: a name, a plain scalar, and a comment that describes it.

    limit: float = 0.9  # 0.5..1: from which share on a resource counts as full
    kind: Literal["mean", "median"] = "median"  # how a day is summed up
    weeks = 2  # without an annotation the default says the type

The type is `bool`, `int`, `float`, `str` or a `Literal` of one of these. Bounds stand before the description as
`LOW..HIGH:`; either side may be missing.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pycemaker.errors import InvalidParameter

APPLICATION = "application"
PATH_PARAMETERS = ("date_now", "time_range", APPLICATION)
"""Parameters of every report that the route's path gives, and that are checked with it."""

RESERVED_NAMES = ("attach", "notebook", "wait")
"""The report route's own parameters: no notebook parameter may have such a name."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT_CHARACTERS = 200  # The longest text that a parameter takes, unless its default is longer

Scalar = bool | int | float | str

_SCHEMA_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}
_WORDS = {bool: "true ou false", int: "um número inteiro", float: "um número", str: "um texto"}
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook.

    Attributes:
        kind: `bool`, `int`, `float` or `str`.
        help: its description in the cell's comment; may be empty.
        low: the least value; None without a bound.
        choices: the allowed values; empty for any.
    """

    name: str
    kind: type
    default: Scalar
    help: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[Scalar, ...] = ()

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        bounds = {"minimum": self.low, "maximum": self.high, "enum": list(self.choices) or None}
        if self.kind is str and not self.choices:
            bounds["maxLength"] = self._longest
        keywords = {
            "type": _SCHEMA_TYPES[self.kind],
            "description": self.help or None,
            **bounds,
            "default": self.default,
        }
        return {key: content for key, content in keywords.items() if content is not None}

    @property
    def takes(self) -> str:
        """The values it takes, in Portuguese, for error messages."""
        if self.choices:
            return "um destes: " + ", ".join(json.dumps(choice, ensure_ascii=False) for choice in self.choices)
        ends = [f"{word} {end:g}" for word, end in (("de", self.low), ("até", self.high)) if end is not None]
        return " ".join([_WORDS[self.kind], *ends])

    def check(self, given: Any) -> None:
        """Return where its schema allows the value. Raises InvalidParameter: it does not."""
        if not (_is_of_kind(given, self.kind) and self._is_within(given)):
            reason = f"{str(given)[:40]!r} is not {self._wanted}"
            raise InvalidParameter(field=self.name, reason=reason, takes=self.takes)

    def _is_within(self, given: Any) -> bool:
        if self.choices:
            return given in self.choices
        if self.kind is str:
            return len(given) <= self._longest
        return (self.low is None or given >= self.low) and (self.high is None or given <= self.high)

    @property
    def _longest(self) -> int:
        return max(TEXT_CHARACTERS, len(str(self.default)))

    def from_text(self, text: str) -> Scalar:
        """The value of a text in a query or on a command line: `true`, `3`, `0.85`, or the text itself. Checked.

        Raises:
            InvalidParameter: the text is no value of this type, or not an allowed one.
        """
        given: Any = text
        if self.kind is bool:
            given = {"true": True, "false": False}.get(text.lower(), text)
        elif self.kind is int:
            given = int(text) if _WHOLE.fullmatch(text) else text
        elif self.kind is float:
            given = _finite(text)
        self.check(given)
        return given  # type: ignore[no-any-return]

    @property
    def _wanted(self) -> str:
        if self.choices:
            return f"one of {list(self.choices)}"
        ends = [f"{word} {end:g}" for word, end in (("from", self.low), ("to", self.high)) if end is not None]
        return " ".join([f"of type {self.kind.__name__}", *ends])


def _is_of_kind(given: object, kind: type) -> bool:
    """True where JSON Schema takes it for that type: `true` is no number, and `3.0` a whole one."""
    if kind in (bool, str) or isinstance(given, bool):
        return type(given) is kind
    if isinstance(given, float):
        return math.isfinite(given) and (kind is float or given.is_integer())
    return isinstance(given, int)


def _finite(text: str) -> float | str:
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def schema(parameters: Sequence[Parameter], *, title: str = "", description: str = "") -> dict[str, Any]:
    """The own parameters as one JSON Schema (draft 2020-12)."""
    own = {parameter.name: parameter.schema() for parameter in own_parameters(parameters)}
    texts = {key: text for key, text in (("title", title), ("description", description)) if text}
    return {"$schema": DIALECT, **texts, "type": "object", "properties": own, "additionalProperties": False}


def own_parameters(parameters: Sequence[Parameter]) -> list[Parameter]:
    """The parameters that the path does not give."""
    return [parameter for parameter in parameters if parameter.name not in PATH_PARAMETERS]


def from_texts(parameters: Sequence[Parameter], given: Mapping[str, str]) -> dict[str, Scalar]:
    """Own parameters from a query or a command line, converted and checked.

    Raises:
        InvalidParameter: a parameter is unknown or wrong; names it.
    """
    known = {parameter.name: parameter for parameter in own_parameters(parameters)}
    return {name: known_parameter(name, known).from_text(text) for name, text in given.items()}


def known_parameter(name: str, known: Mapping[str, Parameter]) -> Parameter:
    """The parameter of that name. Raises InvalidParameter with the known names."""
    if name not in known:
        raise InvalidParameter(field=name[:40], reason=f"unknown; there are {sorted(known)}", known=sorted(known))
    return known[name]
