"""What a saved file sets off while a preview is watched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pycemaker.cli import preview_command
from pycemaker.settings import ROOT

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
    monkeypatch: pytest.MonkeyPatch, changed: list[set[Path]], runs: list[bool]
) -> None:
    done: list[bool] = []
    preview_builder: Any = object()
    monkeypatch.setattr(preview_command, "_changes", lambda: iter(changed))
    monkeypatch.setattr(preview_command, "_serve_up", lambda _kitchen, *, run: done.append(run))
    preview_command._keep_up(preview_builder, NOTEBOOK)
    assert done == runs


def test_a_save_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([{NOTEBOOK: 1.0, TEMPLATE: 1.0}, {NOTEBOOK: 1.0, TEMPLATE: 1.0}, {NOTEBOOK: 1.0, TEMPLATE: 2.0}])
    monkeypatch.setattr(preview_command, "_saved", lambda: next(looks))
    monkeypatch.setattr(preview_command, "POLL_SECONDS", 0)
    assert next(preview_command._changes()) == {TEMPLATE}


def test_notebooks_templates_and_code_are_watched() -> None:
    watched = preview_command._saved()
    assert {NOTEBOOK, TEMPLATE, ROOT / "pycemaker" / "stats.py"} <= set(watched)
