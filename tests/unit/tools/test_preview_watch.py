"""Reactions of `preview --watch` to saved files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycemaker.cli.preview_command import rebuild_on_save
from pycemaker.settings import ROOT
from pycemaker.tools.saved_files import save_times, saved_files

NOTEBOOK = ROOT / "notebooks" / "report.ipynb"
TEMPLATE = ROOT / "notebooks" / "templates" / "mail" / "style.css"


@pytest.mark.parametrize(
    ("changed", "runs"),
    [
        ([{NOTEBOOK}], [True]),
        ([{TEMPLATE}], [False]),
        ([{TEMPLATE, NOTEBOOK}], [True]),
        ([{ROOT / "notebooks" / "other.ipynb"}], []),
        ([{TEMPLATE}, {ROOT / "pycemaker" / "stats.py"}, {NOTEBOOK}], [False]),
    ],
)
def test_a_notebook_is_run_again_a_template_rendered_and_code_ends_the_watch(
    changed: list[set[Path]], runs: list[bool]
) -> None:
    done: list[bool] = []
    rebuild_on_save(changed, NOTEBOOK, done.append)
    assert done == runs


def test_a_save_is_seen() -> None:
    looks = iter([{NOTEBOOK: 1.0, TEMPLATE: 1.0}, {NOTEBOOK: 1.0, TEMPLATE: 1.0}, {NOTEBOOK: 1.0, TEMPLATE: 2.0}])
    assert next(saved_files(lambda: next(looks), poll_seconds=0)) == {TEMPLATE}


def test_notebooks_templates_and_code_are_watched() -> None:
    assert {NOTEBOOK, TEMPLATE, ROOT / "pycemaker" / "stats.py"} <= set(save_times())
