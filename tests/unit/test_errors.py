"""The error tree: one class has all that callers, readers and logs see of an error."""

from __future__ import annotations

from collections import Counter

import pytest

from pycemaker import errors
from pycemaker.web import response_bodies

KINDS = errors.every_error()
SHARED = {"internal": ["InvalidSettings", "PycemakerError"], "server_busy": ["ServerBusy", "TooManyBodies"],
          "body_too_large": ["BodyTooLarge", "FormTooLarge"],
          "invalid_address": ["InvalidAddress", "LocalPartNotAscii"],
          "unknown_link": ["UnknownAlertLink", "UnknownLink"]}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_every_error_can_be_imported_from_the_front_of_the_room(name: str) -> None:
    assert getattr(errors, name) is KINDS[name]


def test_every_error_has_a_code_of_its_own_but_for_few() -> None:
    shared = {code for code, count in Counter(kind.code for kind in KINDS.values()).items() if count > 1}
    assert {code: sorted(n for n, k in KINDS.items() if k.code == code) for code in shared} == SHARED


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"InvalidSettings"}))
def test_every_error_says_in_portuguese_what_it_alone_means(name: str) -> None:
    assert "sentence" in vars(KINDS[name])
    assert 400 <= KINDS[name].status < 600


def test_an_answer_holds_the_sentence_the_code_the_field_and_shown_facts_alone() -> None:
    error = errors.InvalidRange(text="x", limit=744)
    assert response_bodies.error(error) == {
        "msg": "Intervalo inválido: use um número inteiro de horas, de 1 a 744.",
        "error": "invalid_range",
        "field": "time_range",
        "limit": 744,
    }


def test_an_error_crosses_a_process_boundary_as_facts() -> None:
    described = errors.MailDeferred(reason="busy", next_attempt_at="2022-04-10T12:43:23.000Z").to_facts()
    error = errors.from_facts(described)
    assert type(error) is errors.MailDeferred
    assert error.to_facts() == described
    with pytest.raises(KeyError):
        errors.from_facts({"kind": "Unheard", "facts": {}})


def test_descendants_come_depth_first_and_leave_out_the_class_itself() -> None:
    names = [kind.__name__ for kind in errors.descendants(errors.DatabaseUnreachable)]
    assert names.index("NoRightToRead") == names.index("RightMissing") + 1
    assert "DatabaseUnreachable" not in names
    assert names[-1] == "IndexesNotReady"
