"""Parameters of a notebook, and the check of values for them. `parameters_cell` reads them from the notebook.

A parameter is one line of the cell: a name, a plain scalar, and a comment that describes it.

    limit: float = 0.9  # 0.5..1: from which share on a resource counts as full
    kind: Literal["mean", "median"] = "median"  # how a day is summed up
    weeks = 2  # without an annotation the default says the type

The type is `bool`, `int`, `float`, `str` or a `Literal` of one of these. Bounds stand before the description as
`LOW..HIGH:`; either side may be missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pycemaker.errors import InvalidParameter
from pycemaker.parsing.values import Scalar, Value

APPLICATION = "application"
PATH_PARAMETERS = ("date_now", "time_range", APPLICATION)
"""Parameters of every report that the route's path gives, and that are checked with it."""

RESERVED_NAMES = ("attach", "notebook", "wait")
"""The report route's own parameters: no notebook parameter may have such a name."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT_CHARACTERS = 200  # The longest text that a parameter takes, unless its default is longer


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook.

    Attributes:
        value: what it takes.
        help: its description in the cell's comment; may be empty.
    """

    name: str
    value: Value
    default: Scalar
    help: str = ""

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return self.value.schema() | ({"description": self.help} if self.help else {}) | {"default": self.default}


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
    return {name: known_parameter(name, known).value.read(name, text) for name, text in given.items()}


def known_parameter(name: str, known: Mapping[str, Parameter]) -> Parameter:
    """The parameter of that name. Raises InvalidParameter with the known names."""
    if name not in known:
        raise InvalidParameter(field=name[:40], reason=f"unknown; there are {sorted(known)}", known=sorted(known))
    return known[name]
