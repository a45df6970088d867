"""Reads a notebook's parameters cell without running it.

papermill runs any Python there. A parameter for callers is a line whose value is a `bool`, an `int`, a `float` or a
`str`. Every other line is run as it stands, and `fixed` states why it is no parameter.
"""

import ast
import io
import math
import re
import tokenize
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from tokenize import COMMENT
from typing import Any, TypeGuard

from pycemaker.errors import InvalidParameter, NotebookUnusable
from pycemaker.parsing.values import Scalar, Value
from pycemaker.reports.parameters import PATH_PARAMETERS, TEXT_CHARACTERS, Parameter, known_parameter
from pycemaker.reports.plain_text import encodable

_TYPES: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}
_NUMBER = r"-?\d+(?:\.\d+)?"
_BOUNDS = re.compile(rf"(?P<low>{_NUMBER})?\.\.(?P<high>{_NUMBER})?(?::\s*|\s*$)", re.ASCII)
_INJECTED = "# Parameters\n"  # the beginning of papermill's own cell
_LARGEST_WHOLE = 2**53  # every JSON parser reads it exactly
_LITERAL_FAULTS = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError)
_Line = ast.Assign | ast.AnnAssign


@dataclass(frozen=True)
class ParametersCell:
    """The declarations of a parameters cell.

    Attributes:
        fixed: why another assigned name is no parameter, in Portuguese, by name.
    """

    parameters: tuple[Parameter, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)


class _Fixed(Exception):
    """A line that is no parameter; the message says why, in Portuguese."""


def read_parameters_cell(source: str) -> ParametersCell:
    """The parameters that the cell declares; of a name that is assigned twice the last line counts.

    Raises:
        NotebookUnusable: it is no Python, IPython's magics and commands allowed, so that no kernel could run it.
    """
    statements, comments = _parsed(source)
    parameters: dict[str, Parameter] = {}
    fixed: dict[str, str] = {}
    for statement in statements:
        for name in _names(statement):
            parameters.pop(name, None)
            fixed.pop(name, None)
            try:
                parameters[name] = _declared(name, statement, comments.get(statement.end_lineno or 0, ""))
            except _Fixed as why:
                fixed[name] = f"não pode ser informado: {why}"
    return ParametersCell(tuple(parameters.values()), fixed)


def _parsed(source: str) -> tuple[list[ast.stmt], dict[int, str]]:
    try:
        try:
            statements = ast.parse(source).body
        except SyntaxError:
            source = _without_magics(source)
            statements = ast.parse(source).body
        comments = (token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type == COMMENT)
        return statements, {token.start[0]: token.string.lstrip("#").strip() for token in comments}
    except (SyntaxError, ValueError, RecursionError, tokenize.TokenError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        reason = f"its parameters cell is no Python ({type(error).__name__}{line})"
        raise NotebookUnusable(reason=reason) from None


def _without_magics(source: str) -> str:
    """The cell with IPython's magics and commands replaced by the calls that a kernel makes of them."""
    from IPython.core.inputtransformer2 import TransformerManager

    return str(TransformerManager().transform_cell(source))  # type: ignore[no-untyped-call]


def _names(statement: ast.stmt) -> list[str]:
    """The names that a statement assigns; none for imports, calls, definitions and blocks."""
    if isinstance(statement, ast.AugAssign):
        targets: Sequence[ast.expr] = [statement.target]
    elif isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    else:
        return []
    return [part.id for target in targets for part in ast.walk(target) if _is_assigned(part)]


def _is_assigned(part: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)


def _target(statement: _Line) -> ast.expr | None:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return targets[0] if len(targets) == 1 else None


def _declared(name: str, statement: ast.stmt, comment: str) -> Parameter:
    if not isinstance(statement, _Line) or not isinstance(_target(statement), ast.Name):
        raise _Fixed("não é uma atribuição simples")
    default = _plain_value(statement.value)
    annotation = statement.annotation if isinstance(statement, ast.AnnAssign) else None
    kind, choices = _type_of(annotation, default)
    bounds = _BOUNDS.match(comment) if kind in (int, float) else None
    low, high = (_end(text) for text in bounds.groups()) if bounds else (None, None)
    longest = max(TEXT_CHARACTERS, len(str(default))) if kind is str and not choices else None
    value = Value(kind, low, high, choices, longest)
    try:
        value.check(name, default)
    except InvalidParameter:
        raise _Fixed(f"o valor padrão não é o que a própria linha aceita: {value.takes}") from None
    return Parameter(name, value, default, comment[bounds.end() :] if bounds else comment)


def _plain_value(expression: ast.expr | None) -> Scalar:
    try:
        default = ast.literal_eval(expression or ast.Constant(None))
    except _LITERAL_FAULTS:
        raise _Fixed("o valor é calculado na própria célula") from None
    if type(default) not in _TYPES.values():
        raise _Fixed(f"o valor ({type(default).__name__}) não é um texto, um número, True nem False")
    if isinstance(default, int) and abs(default) > _LARGEST_WHOLE:
        raise _Fixed("o número é grande demais para ir num endereço")
    if isinstance(default, float) and not math.isfinite(default):
        raise _Fixed("o número não é finito")
    if isinstance(default, str) and encodable(default) != default:
        raise _Fixed("o texto tem caracteres que não podem ser transmitidos")
    return default  # type: ignore[no-any-return]


def _end(text: str | None) -> float | None:
    """A bound; a whole one is an int, so that the schema has 1 and not 1.0."""
    number = float(text) if text else None
    return int(number) if number is not None and number.is_integer() else number


def _type_of(annotation: ast.expr | None, default: Scalar) -> tuple[type, tuple[Scalar, ...]]:
    annotation = _unquoted(annotation)
    if annotation is None:
        return type(default), ()
    if isinstance(annotation, ast.Name) and annotation.id in _TYPES:
        return _TYPES[annotation.id], ()
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).split(".")[-1] == "Literal":
        choices = _literal(annotation.slice)
        choices = choices if isinstance(choices, tuple) else (choices,)
        if {type(choice) for choice in choices} == {type(default)}:
            return type(default), choices
    raise _Fixed(f"o tipo {ast.unparse(annotation)[:40]} não é bool, int, float, str nem um Literal de um deles")


def _unquoted(annotation: ast.expr | None) -> ast.expr | None:
    """The annotation, without the quotes of one in quotes."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        with suppress(*_LITERAL_FAULTS):
            return ast.parse(annotation.value, mode="eval").body
    return annotation


def check_injected(cells: Sequence[str]) -> None:
    """Return where the parameters that papermill injected are those that the notebook declares.

    papermill only warns of a name that the notebook does not have. It injects its cell right after the parameters cell;
    where it injected none, as in JupyterLab, nothing is checked. `fixed` names are allowed: whoever runs papermill by
    hand sees the notebook.

    Args:
        cells: the sources that ran so far, in their order.

    Raises:
        InvalidParameter: a name that the parameters cell does not have, or a wrong value; NotebookUnusable: the
            parameters cell cannot be read.
    """
    injected = [index for index, source in enumerate(cells) if index and source.startswith(_INJECTED)]
    declared = read_parameters_cell(cells[injected[-1] - 1]) if injected else ParametersCell()
    known = {parameter.name: parameter for parameter in declared.parameters}
    if not known and not declared.fixed:
        return
    for statement in ast.parse(cells[injected[-1]]).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if name not in (*PATH_PARAMETERS, *declared.fixed):
                known_parameter(name, known).value.check(name, _literal(statement.value))


def _literal(expression: ast.expr) -> Any:
    """The assigned value; the source of what is no literal (papermill writes NaN as a call)."""
    try:
        return ast.literal_eval(expression)
    except _LITERAL_FAULTS:
        return ast.unparse(expression)
