"""A notebook's parameters, read from its parameters cell without running it, and what is given for them, checked.

A parameter is one line of the cell: a name, a plain scalar, and a comment that says what it is for.

    limit: float = 0.9  # 0.5..1: from which share on a resource counts as full
    kind: Literal["mean", "median"] = "median"  # how a day is summed up
    weeks = 2  # without an annotation the default says the type

The type is `bool`, `int`, `float`, `str` or a `Literal` of one of these; bounds stand before the help, `LOW..HIGH:`,
either side may be missing.
"""

from __future__ import annotations

import ast
import io
import json
import math
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pycemaker.errors import InvalidParameter, NotebookUnusable

GIVEN_BY_PATH = ("date_now", "time_range")
"""Parameters of every report, which the route's path gives and `parse_window` checks."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT_CHARACTERS = 200
"""The longest text a parameter takes."""

Scalar = bool | int | float | str

_TYPES: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}
_SCHEMA_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}
_WORDS = {bool: "true ou false", int: "um número inteiro", float: "um número", str: "um texto"}
_NUMBER = r"-?\d+(?:\.\d+)?"
_BOUNDS = re.compile(rf"(?P<low>{_NUMBER})?\.\.(?P<high>{_NUMBER})?(?::\s*|\s*$)", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
_INJECTED = "# Parameters\n"  # how papermill's own cell begins


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook.

    Attributes:
        name: its name in the notebook, in queries and on the command line.
        kind: `bool`, `int`, `float` or `str`.
        default: what it is where nothing is given.
        help: what it is for, as the cell's comment says it; may be empty.
        low: the least it may be; None without a bound.
        high: the most it may be; None without a bound.
        choices: the only ones it may be; empty where it is not so restricted.
    """

    name: str
    kind: type
    default: Scalar
    help: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[Scalar, ...] = ()

    def schema(self) -> dict[str, Any]:
        """It as JSON Schema."""
        bounds = {"minimum": self.low, "maximum": self.high, "enum": list(self.choices) or None}
        if self.kind is str and not self.choices:
            bounds["maxLength"] = TEXT_CHARACTERS
        told = {"type": _SCHEMA_TYPES[self.kind], "description": self.help or None, **bounds, "default": self.default}
        return {key: content for key, content in told.items() if content is not None}

    @property
    def takes(self) -> str:
        """What it takes, in Portuguese, for whoever gave something else."""
        if self.choices:
            return "um destes: " + ", ".join(json.dumps(choice, ensure_ascii=False) for choice in self.choices)
        ends = [f"{word} {end:g}" for word, end in (("de", self.low), ("até", self.high)) if end is not None]
        return " ".join([_WORDS[self.kind], *ends])

    def check(self, given: Any) -> None:
        """See that it may be `given`, as its schema says.

        Raises:
            InvalidParameter: it may not.
        """
        from jsonschema import Draft202012Validator

        if not Draft202012Validator(self.schema()).is_valid(given):
            raise self._refused(given)

    def from_text(self, text: str) -> Scalar:
        """What a query or a command line means by `text`: `true`, `3`, `0.85`, or the text itself. Checked.

        Raises:
            InvalidParameter: it means nothing of this type, or what it may not be.
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

    def _refused(self, given: Any) -> InvalidParameter:
        return InvalidParameter(field=self.name, reason=f"{str(given)[:40]!r} is not {self._wanted}", takes=self.takes)

    @property
    def _wanted(self) -> str:
        if self.choices:
            return f"one of {list(self.choices)}"
        ends = [f"{word} {end:g}" for word, end in (("from", self.low), ("to", self.high)) if end is not None]
        return " ".join([f"of type {self.kind.__name__}", *ends])


def warm() -> None:
    """Load what checks parameters, so that the first report does not wait for it."""
    import jsonschema  # noqa: F401


def _finite(text: str) -> float | str:
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def read_parameters(source: str) -> tuple[Parameter, ...]:
    """The parameters that a cell declares, in its order. Nothing of it is run; imports may stand there too.

    Raises:
        NotebookUnusable: it is no Python, or assigns what is no scalar, or a default that its own line refuses.
    """
    try:
        statements = ast.parse(source).body
        comments = dict(_comments(source))
    except (SyntaxError, tokenize.TokenError) as error:
        raise NotebookUnusable(reason=f"its parameters cell is no Python ({type(error).__name__})") from None
    return tuple(
        _declared(statement, comments.get(statement.end_lineno or 0, ""))
        for statement in statements
        if isinstance(statement, ast.Assign | ast.AnnAssign)
    )


def _comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#").strip()


def _declared(statement: ast.Assign | ast.AnnAssign, comment: str) -> Parameter:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    name = targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else "?"
    try:
        default = ast.literal_eval(statement.value or ast.Constant(None))
        annotation = statement.annotation if isinstance(statement, ast.AnnAssign) else None
        parameter = _built(name, default, annotation, comment)
        parameter.check(default)
    except (ValueError, InvalidParameter) as error:
        raise NotebookUnusable(reason=f"line {statement.lineno} of its parameters cell: {name}: {error}") from None
    return parameter


def _built(name: str, default: Any, annotation: ast.expr | None, comment: str) -> Parameter:
    if type(default) not in _SCHEMA_TYPES or name == "?":
        raise ValueError("not a name with a plain scalar")
    kind, choices = _type_of(annotation, default)
    bounds = _BOUNDS.match(comment) if kind in (int, float) else None
    if bounds is None:
        return Parameter(name, kind, default, comment, choices=choices)
    low, high = (float(end) if end else None for end in bounds.groups())
    return Parameter(name, kind, default, comment[bounds.end() :], _plain(low), _plain(high), choices)


def _plain(end: float | None) -> float | None:
    """A whole bound as an int, so that a schema says 1 and not 1.0."""
    return int(end) if end is not None and end.is_integer() else end


def _type_of(annotation: ast.expr | None, default: Scalar) -> tuple[type, tuple[Scalar, ...]]:
    if annotation is None:
        return type(default), ()
    if isinstance(annotation, ast.Name) and annotation.id in _TYPES:
        return _TYPES[annotation.id], ()
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).split(".")[-1] == "Literal":
        listed = ast.literal_eval(annotation.slice)
        choices = listed if isinstance(listed, tuple) else (listed,)
        if {type(choice) for choice in choices} == {type(default)} <= set(_SCHEMA_TYPES):
            return type(default), choices
    raise ValueError(f"its type is not bool, int, float, str or a Literal of one of them: {ast.unparse(annotation)}")


def schema(parameters: Sequence[Parameter], *, title: str = "", description: str = "") -> dict[str, Any]:
    """What may be given beyond the path, as one JSON Schema (draft 2020-12)."""
    own = {parameter.name: parameter.schema() for parameter in own_parameters(parameters)}
    said = {key: text for key, text in (("title", title), ("description", description)) if text}
    return {"$schema": DIALECT, **said, "type": "object", "properties": own, "additionalProperties": False}


def own_parameters(parameters: Sequence[Parameter]) -> list[Parameter]:
    """Those that the path does not give."""
    return [parameter for parameter in parameters if parameter.name not in GIVEN_BY_PATH]


def from_texts(parameters: Sequence[Parameter], given: Mapping[str, str]) -> dict[str, Scalar]:
    """What a query or a command line gives beyond the path, each in its type and checked.

    Raises:
        InvalidParameter: one that is unknown or wrong, by name.
    """
    known = {parameter.name: parameter for parameter in own_parameters(parameters)}
    return {name: _known(name, known).from_text(text) for name, text in given.items()}


def check_injected(cells: Sequence[str]) -> None:
    """See that what papermill put into a running notebook is what the notebook declares.

    papermill only warns of a name that the notebook does not have. Its own cell stands right behind the parameters
    cell, so that both are among the cells that ran; where it put none in, as in JupyterLab, nothing is checked.

    Args:
        cells: the sources that ran so far, in their order.

    Raises:
        InvalidParameter: a name that the parameters cell does not have, or a wrong value.
        NotebookUnusable: the parameters cell cannot be read.
    """
    places = [place for place, source in enumerate(cells) if place and source.startswith(_INJECTED)]
    known = {parameter.name: parameter for parameter in read_parameters(cells[places[-1] - 1])} if places else {}
    if not known:
        return
    for statement in ast.parse(cells[places[-1]]).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if name not in GIVEN_BY_PATH:
                _known(name, known).check(_literal(statement.value))


def _known(name: str, known: Mapping[str, Parameter]) -> Parameter:
    if name not in known:
        raise InvalidParameter(field=name[:40], reason=f"unknown; there are {sorted(known)}", known=sorted(known))
    return known[name]


def _literal(expression: ast.expr) -> Any:
    """What the cell assigns; what is no literal (papermill writes NaN as a call) stays its source."""
    try:
        return ast.literal_eval(expression)
    except ValueError:
        return ast.unparse(expression)
