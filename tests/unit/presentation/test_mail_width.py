"""The mail's width is declared once; the templates read it."""

from __future__ import annotations

import re

import pytest

from pycemaker.presentation import mail_width
from pycemaker.presentation.figures import canvas
from pycemaker.settings import TEMPLATES


def test_a_figure_fills_the_mail_between_its_margins() -> None:
    assert (mail_width.MAIL_WIDTH, mail_width.MARGIN, canvas.WIDTH) == (600, 20, 560)


@pytest.mark.parametrize("name", ["index.html.j2", "style.css"])
def test_the_mail_template_states_no_width_of_its_own(name: str) -> None:
    template = (TEMPLATES / "mail" / name).read_text(encoding="utf-8")
    assert re.findall(r"\b(?:600|560)(?:px)?\b", template) == []
    assert "{{ width." in template
