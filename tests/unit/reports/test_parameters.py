"""A notebook's parameters: read from the cell, described as JSON Schema, checked before anything runs."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pycemaker.errors import InvalidParameter, NotebookUnusable
from pycemaker.parsing.values import Value
from pycemaker.reports.parameters import DIALECT, Parameter, from_texts, schema
from pycemaker.reports.parameters_cell import check_injected, read_parameters_cell

CELL = """\
from typing import Literal

date_now = "now"  # onde termina
time_range: int = 168  # 1..744: quantas horas
limit: float = 0.9  # 0.5..1: o que conta como cheio
weeks = 2  # 1..: semanas
kind: Literal["mean", "median"] = "median"  # como um dia é resumido
loud = False
name: str = ""
"""


def read_parameters(source: str) -> tuple[Parameter, ...]:
    return read_parameters_cell(source).parameters


PARAMETERS = read_parameters(CELL)


def test_the_cell_is_read_without_being_run() -> None:
    assert (
        Parameter("date_now", Value(str, longest=200), "now", "onde termina"),
        Parameter("time_range", Value(int, 1, 744), 168, "quantas horas"),
        Parameter("limit", Value(float, 0.5, 1), 0.9, "o que conta como cheio"),
        Parameter("weeks", Value(int, 1), 2, "semanas"),
        Parameter("kind", Value(str, choices=("mean", "median")), "median", "como um dia é resumido"),
        Parameter("loud", Value(bool), False),
        Parameter("name", Value(str, longest=200), ""),
    ) == PARAMETERS


def test_the_schema_is_valid_and_has_what_the_path_does_not_give() -> None:
    told = schema(PARAMETERS, title="Capacidade", description="Para a semana.")
    Draft202012Validator.check_schema(told)
    assert told == {
        "$schema": DIALECT,
        "title": "Capacidade",
        "description": "Para a semana.",
        "type": "object",
        "properties": {
            "limit": {
                "type": "number",
                "description": "o que conta como cheio",
                "minimum": 0.5,
                "maximum": 1,
                "default": 0.9,
            },
            "weeks": {"type": "integer", "description": "semanas", "minimum": 1, "default": 2},
            "kind": {
                "type": "string",
                "description": "como um dia é resumido",
                "enum": ["mean", "median"],
                "default": "median",
            },
            "loud": {"type": "boolean", "default": False},
            "name": {"type": "string", "maxLength": 200, "default": ""},
        },
        "additionalProperties": False,
    }


def test_texts_become_the_declared_types() -> None:
    given = {"limit": "0.75", "weeks": "03", "kind": "mean", "loud": "TRUE", "name": "10"}
    assert from_texts(PARAMETERS, given) == {"limit": 0.75, "weeks": 3, "kind": "mean", "loud": True, "name": "10"}
    assert from_texts(PARAMETERS, {"limit": "1"}) == {"limit": 1.0}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[("limit", text) for text in ("", "x", "0,9", "nan", "inf", "1e999", "1_0", "0.49", "1.01", "٠.٩")],
        *[("weeks", text) for text in ("0", "-1", "1.5", "", "x", "٣", "9" * 30)],
        *[("loud", text) for text in ("yes", "2", "")],
        *[("kind", "Median"), ("kind", ""), ("name", "x" * 201)],
    ],
)
def test_a_wrong_value_is_refused_by_the_parameter_s_name(name: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        from_texts(PARAMETERS, {name: text})
    assert caught.value.facts["field"] == name
    assert len(str(caught.value)) < 200


VALUES = st.one_of(
    st.booleans(),
    st.integers(-3, 800),
    st.floats(-3, 800),
    st.integers(-3, 800).map(float),
    st.sampled_from(["", "mean", "median", "x" * 200, "x" * 201, None, [], {}, 0.5, 1, 1.0, 2**70, -0.0]),
)


@given(st.sampled_from(PARAMETERS), VALUES)
def test_a_value_is_taken_exactly_where_the_schema_takes_it(parameter: Parameter, value: object) -> None:
    with suppress(InvalidParameter):
        parameter.value.check(parameter.name, value)
        assert Draft202012Validator(parameter.schema()).is_valid(value)
        return
    assert not Draft202012Validator(parameter.schema()).is_valid(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_none(value: float) -> None:
    for parameter in PARAMETERS:
        with pytest.raises(InvalidParameter):
            parameter.value.check(parameter.name, value)


@pytest.mark.parametrize("name", ["limits", "date_now", "time_range", "", "__class__", "x" * 500])
def test_a_name_that_is_not_declared_or_that_the_path_gives_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        from_texts(PARAMETERS, {name: "1"})
    assert caught.value.facts["known"] == ["kind", "limit", "loud", "name", "weeks"]


def test_what_is_taken_is_said_in_portuguese() -> None:
    assert [parameter.value.takes for parameter in PARAMETERS[1:]] == [
        "um número inteiro de 1 a 744",
        "um número de 0.5 a 1",
        "um número inteiro, 1 ou mais",
        'um destes: "mean", "median"',
        "true ou false",
        "um texto de até 200 caracteres",
    ]


@pytest.mark.parametrize("cell", ["limit = ", "limit = (", "a = 1\n\tb", "a = '\x00'"])
def test_a_cell_that_is_no_python_says_so(cell: str) -> None:
    with pytest.raises(NotebookUnusable, match=r"its parameters cell is no Python"):
        read_parameters(cell)


COMPUTED = "o valor é calculado na própria célula"


@pytest.mark.parametrize(
    ("cell", "fixed"),
    [
        ("team = None", {"team": "o valor (NoneType) não é um texto, um número, True nem False"}),
        ("metrics = ['cpu', 'ram']", {"metrics": "o valor (list) não é um texto, um número, True nem False"}),
        ("limits = {'cpu': 0.9}", {"limits": "o valor (dict) não é um texto, um número, True nem False"}),
        ("window = 60 * 60 * 24", {"window": COMPUTED}),
        ("import os\nlimit = os.getpid()", {"limit": COMPUTED}),
        ("title = f'week {1}'", {"title": COMPUTED}),
        ("files = !ls", {"files": COMPUTED}),
        ("a = b = 1", {"a": "não é uma atribuição simples", "b": "não é uma atribuição simples"}),
        ("a, b = 1, 2", {"a": "não é uma atribuição simples", "b": "não é uma atribuição simples"}),
        ("weeks = 1\nweeks += 1", {"weeks": "não é uma atribuição simples"}),
        ("day = b'x'", {"day": "o valor (bytes) não é um texto, um número, True nem False"}),
        ("big = 10000000000000000000000", {"big": "o número é grande demais para ir num endereço"}),
        ("far = 1e999", {"far": "o número não é finito"}),
        ("half = '\\ud800'", {"half": "o texto tem caracteres que não podem ser transmitidos"}),
        ("limit: list = 1", {"limit": "o tipo list não é bool, int, float, str nem um Literal de um deles"}),
        ("limit: float | None = 0.9", {"limit": "o tipo float | None não é bool, int, float, str nem um Literal de um deles"}),
        ("limit: float = 2.0  # 0..1: too much",
         {"limit": "o valor padrão não é o que a própria linha aceita: um número de 0 a 1"}),
        ("limit: int = 0.5", {"limit": "o valor padrão não é o que a própria linha aceita: um número inteiro"}),
        ("limit: 'list[int]' = 1", {"limit": "o tipo list[int] não é bool, int, float, str nem um Literal de um deles"}),
        ("limit: 'a b' = 1", {"limit": "o tipo 'a b' não é bool, int, float, str nem um Literal de um deles"}),
        ("limit: float", {}),
        ("%matplotlib inline\n!true\nimport os", {}),
    ],
)  # fmt: skip
def test_what_has_no_plain_type_is_run_and_not_offered(cell: str, fixed: dict[str, str]) -> None:
    read = read_parameters_cell(f"{cell}\nweeks_more = 2  # semanas")
    assert read.fixed == {name: f"não pode ser informado: {why}" for name, why in fixed.items()}
    assert [parameter.name for parameter in read.parameters] == ["weeks_more"]


def test_a_type_in_quotes_is_the_type() -> None:
    weeks, team = read_parameters("weeks: 'int' = 2  # semanas\nteam: \"Literal['ops', 'dev']\" = 'ops'")
    assert (weeks.value.kind, weeks.default) == (int, 2)
    assert team.value.choices == ("ops", "dev")


def test_a_text_may_be_as_long_as_its_default() -> None:
    (query,) = read_parameters(f"query = '{'x' * 280}'")
    assert query.schema()["maxLength"] == 280


def test_of_a_name_assigned_twice_the_last_line_counts() -> None:
    assert [parameter.default for parameter in read_parameters("a = 1\nb = None\na = 2\nb = 3")] == [2, 3]


def test_what_papermill_put_in_is_checked_against_the_cell_before_it() -> None:
    check_injected(["", CELL, '# Parameters\ndate_now = "now"\ntime_range = 6\nlimit = 0.8\nkind = "mean"\n', "x"])
    for line in ("limt = 0.8", "limit = 2.0", 'weeks = "3"', "limit = float('nan')", "weeks = None", "loud = 1"):
        with pytest.raises(InvalidParameter):
            check_injected(["", CELL, f"# Parameters\n{line}\n", "x"])


def test_what_the_cell_fixes_may_be_given_by_hand() -> None:
    check_injected(["", "team = None\nweeks = 1", "# Parameters\nteam = 'core'\nweeks = 2\n", "x"])


def test_cells_run_one_by_one_are_not_checked() -> None:
    check_injected([])
    check_injected(["", CELL, "import os", "limt = 3"])
    check_injected(["", f"# Parameters\n{CELL}", "read()"])
    check_injected(["", "import os", f"# Parameters\n{CELL}", "read()"])
