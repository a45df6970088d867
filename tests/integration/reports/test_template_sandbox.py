"""Templates that somebody else wrote: they show a report, and reach nothing of the process that renders it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from jinja2.exceptions import SecurityError, TemplateError
from nbformat.v4 import new_code_cell, new_notebook, new_output

from pycemaker.reports.render import render_page
from pycemaker.reports.report_model import Page
from pycemaker.reports.template_exporter import SandboxedExporter
from pycemaker.settings import TEMPLATES
from tests.services.periods import SAO_PAULO, WINDOW

PLANTED = "a-secret-of-this-process"


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """The project's own templates, in a folder where a test may change them."""
    return Path(shutil.copytree(TEMPLATES, tmp_path / "templates"))


def rendered(templates: Path) -> Page:
    path = templates.parent / "executed.ipynb"
    output = new_output("stream", name="stdout", text="shown")
    nbformat.write(new_notebook(cells=[new_code_cell("print()", outputs=[output])]), path)
    return render_page(path, WINDOW, zone=SAO_PAULO, templates=templates)


@pytest.mark.parametrize(
    "expression",
    [
        "_.__globals__.items()",
        "ngettext.__init__.__globals__",
        "''.__class__.__mro__[1].__subclasses__()",
        "'{0.__class__.__mro__}'.format(resources)",
        "('{0.__class__.__mro__}' | escape).format(resources)",
        "resources.report.brand.figure.__func__.__globals__",
        "resources.report.update({'subject': 'x'})",
        "cycler.__init__.__globals__.os.environ",
    ],
)
def test_a_template_reaches_nothing_behind_what_it_is_given(templates: Path, expression: str) -> None:
    (templates / "page" / "index.html.j2").write_text(f"{{{{ {expression} }}}}")
    with pytest.raises(SecurityError):
        rendered(templates)


@pytest.mark.parametrize("fact", ["resources.report.brand", "'x' | escape", "_"])
@pytest.mark.parametrize("call", ["_('{x%s}', x=%s)", "ngettext('{x%s}', '', 1, x=%s)"])
def test_a_translated_text_reads_no_attribute_of_its_facts(
    templates: Path, call: str, fact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED", PLANTED)
    attribute = {"'x' | escape": "format", "_": "__call__"}.get(fact, "figure")
    chain = f".{attribute}.__globals__" if fact == "_" else f".{attribute}.__func__.__globals__"
    (templates / "page" / "index.html.j2").write_text(f"{{{{ {call % (chain, fact)} }}}}")
    with pytest.raises(AttributeError, match=r"'str' object has no attribute|no attribute '__func__'"):
        rendered(templates)


def test_what_a_conf_json_names_as_a_preprocessor_is_not_imported(templates: Path) -> None:
    conf = templates / "mail" / "conf.json"
    named = {"100-own": {"type": "made_up_preprocessors.Own"}}
    conf.write_text(json.dumps({**json.loads(conf.read_text()), "preprocessors": named}))
    (templates / "made_up_preprocessors.py").write_text("raise SystemExit('imported')")
    sys.path.insert(0, str(templates))
    try:
        assert "shown" in rendered(templates).html
    finally:
        sys.path.remove(str(templates))
    assert "made_up_preprocessors" not in sys.modules


@pytest.mark.parametrize(
    "name", ["convert_pandoc('markdown', 'html', ['--version'])", "markdown2latex", "markdown2rst"]
)
def test_no_filter_starts_a_program(templates: Path, name: str) -> None:
    (templates / "page" / "index.html.j2").write_text(f"{{{{ 'x' | {name} }}}}")
    with pytest.raises(TemplateError, match="No filter named"):
        rendered(templates)


@pytest.mark.parametrize("name", ["basic", "classic", "lab", "reveal"])
def test_nbconvert_s_own_templates_are_rendered(name: str) -> None:
    exporter = SandboxedExporter(name, [], {}, {})
    output = new_output("stream", name="stdout", text="shown <here>")
    html, _ = exporter.from_notebook_node(new_notebook(cells=[new_code_cell("print(1)", outputs=[output])]))
    assert "shown &lt;here&gt;" in html
