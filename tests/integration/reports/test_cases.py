"""Other people's notebooks, whole: each is run in a real kernel and rendered as a report's would be."""

from __future__ import annotations

import pytest

from tests.cases.notebook_cases import NOTEBOOKS, NotebookCase, tried


@pytest.mark.parametrize("case", NOTEBOOKS, ids=lambda case: case.name)
def test_a_notebook_of_other_people_gives_what_is_expected(case: NotebookCase) -> None:
    assert tried(case) == case.expected
