"""Values that callers write in JSON or as text: how each kind is read, the words for it, and its JSON Schema."""

import json
import re
import sys
from dataclasses import dataclass
from typing import Any

from pycemaker.errors import InvalidParameter

Scalar = bool | int | float | str

_SCHEMA_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}
_WORDS = {bool: "true ou false", int: "um número inteiro", float: "um número", str: "um texto"}
_FLAGS = {"true": True, "1": True, "on": True, "false": False, "0": False}  # A checked box of a form is "on"
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)


@dataclass(frozen=True)
class Value:
    """A kind of value.

    Attributes:
        kind: `bool`, `int`, `float` or `str`.
        low, high: the bounds of a number; None without one.
        choices: the allowed values; empty for any.
        longest: the most characters of a text; None for no limit.
        unit: the unit of a number in Portuguese words, such as `de segundos`.
    """

    kind: type
    low: float | None = None
    high: float | None = None
    choices: tuple[Scalar, ...] = ()
    longest: int | None = None
    unit: str = ""

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        bounds = {"minimum": self.low, "maximum": self.high, "enum": list(self.choices) or None}
        keywords = {"type": _SCHEMA_TYPES[self.kind], **bounds, "maxLength": self.longest}
        return {key: content for key, content in keywords.items() if content is not None}

    @property
    def takes(self) -> str:
        """The values it takes, in Portuguese, for error messages."""
        if self.choices:
            return "um destes: " + ", ".join(json.dumps(choice, ensure_ascii=False) for choice in self.choices)
        if self.longest is not None:
            return f"um texto de até {self.longest} caracteres"
        words = f"{_WORDS[self.kind]} {self.unit}".strip()
        if self.low is not None and self.high is not None:
            return f"{words} de {self.low:g} a {self.high:g}"
        return (
            words
            + (f", {self.low:g} ou mais" if self.low is not None else "")
            + (f", até {self.high:g}" if self.high is not None else "")
        )

    def read(self, name: str, given: Any) -> Any:
        """The value of decoded JSON, or of a text that spells one: `true`, `3`, `0.85`; no text spells a whole `3.0`.

        Raises:
            InvalidParameter: `given` is no value of this kind; the error names the field `name`.
        """
        return self.kind(self.check(name, self._of_text(given) if isinstance(given, str) else given))

    def check(self, name: str, given: Any) -> Any:
        """`given` as it is, if the schema allows it; no text is converted. Raises as `read`."""
        if not (self._is_of_kind(given) and self._is_within(given)):
            reason = f"{str(given)[:40]!r} is not {self.schema()}"
            raise InvalidParameter(field=name, reason=reason, takes=self.takes)
        return given

    def _of_text(self, text: str) -> Any:
        """The value that a text spells; the text itself where it spells none, which `check` refuses."""
        if self.kind is bool:
            return _FLAGS.get(text.lower(), text)
        if self.kind is int:
            return int(text) if _WHOLE.fullmatch(text) else text
        try:
            return float(text) if self.kind is float and text.isascii() and "_" not in text else text
        except ValueError:
            return text

    def _is_of_kind(self, given: Any) -> bool:
        """True where JSON Schema counts it as this type: `true` is no number, and `3.0` is a whole number."""
        if self.kind in (bool, str) or isinstance(given, bool):
            return type(given) is self.kind
        if not isinstance(given, int | float) or not abs(given) <= sys.float_info.max:
            return False
        return self.kind is float or given == int(given)

    def _is_within(self, given: Any) -> bool:
        if self.choices:
            return given in self.choices
        if self.kind is str:
            return self.longest is None or len(given) <= self.longest
        return (self.low is None or given >= self.low) and (self.high is None or given <= self.high)
