"""Values of JSON and of texts: read by one rule wherever they come from."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pycemaker.errors import InvalidParameter
from pycemaker.parsing.values import Value

WHOLE, NUMBER, FLAG = Value(int, 0, 86_400), Value(float, low=0), Value(bool)
CHOICE, TEXT = Value(str, choices=("all", "none")), Value(str, longest=3)


@pytest.mark.parametrize(
    ("value", "given", "read"),
    [
        *[(WHOLE, given, 60) for given in (60, 60.0, "60", "060")],
        *[(NUMBER, given, 2.0) for given in (2, 2.0, "2", "2.0", "2e0")],
        *[(FLAG, given, True) for given in (True, "true", "True", "TRUE", "1", "on", "ON")],
        *[(FLAG, given, False) for given in (False, "false", "FALSE", "0")],
        (CHOICE, "all", "all"),
        (TEXT, "3", "3"),
        (Value(int, choices=(6, 12)), "12", 12),
    ],
)
def test_json_and_text_are_read_alike(value: Value, given: Any, read: Any) -> None:
    assert value.read("field", given) == read
    assert type(value.read("field", given)) is type(read)


@pytest.mark.parametrize(
    ("value", "given"),
    [
        *[(WHOLE, given) for given in (-1, 86_401, 1.5, True, None, [], "", " 6", "1.0", "٣", "9" * 5000, 10**400)],
        *[(NUMBER, given) for given in (-1, True, None, {}, "", "x", "1_0", "nan", math.inf, 10**400)],
        *[(FLAG, given) for given in (1, 0, None, [], "", "yes")],
        *[(CHOICE, given) for given in ("All", "", None, True, ["all"])],
        *[(TEXT, given) for given in ("four", 3, None)],
    ],
)
def test_any_other_value_is_refused_by_the_field_s_name(value: Value, given: Any) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        value.read("field", given)
    assert (refusal.value.facts["field"], refusal.value.facts["takes"]) == ("field", value.takes)


def test_what_is_taken_is_said_in_portuguese() -> None:
    values = (WHOLE, NUMBER, Value(float, high=1), Value(int, 1, 9, unit="de segundos"), FLAG, CHOICE, TEXT)
    assert [value.takes for value in values] == [
        "um número inteiro de 0 a 86400",
        "um número, 0 ou mais",
        "um número, até 1",
        "um número inteiro de segundos de 1 a 9",
        "true ou false",
        'um destes: "all", "none"',
        "um texto de até 3 caracteres",
    ]


def test_the_schema_says_the_same() -> None:
    assert WHOLE.schema() == {"type": "integer", "minimum": 0, "maximum": 86_400}
    assert CHOICE.schema() == {"type": "string", "enum": ["all", "none"]}
    assert TEXT.schema() == {"type": "string", "maxLength": 3}
