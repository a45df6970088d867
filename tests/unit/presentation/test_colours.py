"""The brand's colours for everybody's eyes: contrast of text, and figures with a colour-vision deficiency.

What stands on what in a rendered mail or page is looked up in a browser: tests/integration/web/test_accessible.py.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from pycemaker import brand
from pycemaker.metrics import CPU, DISK, METRICS, RAM
from pycemaker.presentation.figures.heatmap import colors_of
from tests.services.colour import DEFICIENCIES, ciede2000, contrast, difference_seen, lab, linear

AA_TEXT, AA_GRAPHICS = 4.5, 3.0
AT_A_GLANCE = 12.0
WHITE = "#ffffff"
OWN = brand.load()
GROUNDS = ("sheet", "ground", "notice", "critical", "warning", "info", "quiet")


@pytest.mark.parametrize("palette", ["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_text_on_every_ground_has_the_contrast_of_aa(palette: str, ground: str) -> None:
    colors = getattr(OWN, palette)
    texts = ["ink", "muted", "link", *([f"{ground}_edge"] if f"{ground}_edge" in colors else [])]
    assert {text: contrast(colors[text], colors[ground]) >= AA_TEXT for text in texts} == dict.fromkeys(texts, True)
    assert contrast(colors["on_brand"], colors["brand"]) >= AA_TEXT


def test_text_in_figures_has_the_contrast_of_aa() -> None:
    for text, ground in [("ink", WHITE), ("muted", WHITE), ("limit", OWN.figure("ahead")), ("limit", WHITE)]:
        assert contrast(OWN.figure(text), ground) >= AA_TEXT, (text, ground)


def test_lines_in_figures_stand_out_from_white() -> None:
    lines = [OWN.figure("before"), OWN.figure("limit"), *OWN.metrics.values(), *OWN.spare]
    assert {line: contrast(line, WHITE) >= AA_GRAPHICS for line in lines} == dict.fromkeys(lines, True)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_criticities_are_distinct_with_every_kind_of_eyes(deficiency: str) -> None:
    for one, other in combinations(OWN.criticities, 2):
        seen = difference_seen(OWN.criticities[one], OWN.criticities[other], deficiency)
        assert seen >= AT_A_GLANCE, (one, other, seen)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_a_metric_s_line_is_distinct_from_the_one_before_it_and_from_its_limit(deficiency: str) -> None:
    for metric in METRICS:
        assert difference_seen(metric.color, OWN.figure("before"), deficiency) >= AT_A_GLANCE, metric.id
    for metric in (CPU, RAM, DISK):
        assert difference_seen(metric.color, OWN.figure("limit"), deficiency) >= AT_A_GLANCE, metric.id


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_a_heat_map_grows_darker_with_every_step_and_its_frames_stand_out(deficiency: str) -> None:
    for metric in (CPU, RAM, DISK):
        steps = colors_of(metric)
        light = [lab(DEFICIENCIES[deficiency] @ linear(color))[0] for color in steps]
        assert all(np.diff(light) < 0), metric.id
        full = steps[round(0.9 * (len(steps) - 1)) :]
        assert min(difference_seen(OWN.figure("full"), color, deficiency) for color in full) >= AT_A_GLANCE


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_difference_is_that_of_sharma_s_test_data(
    one: tuple[float, ...], other: tuple[float, ...], expected: float
) -> None:
    assert ciede2000(np.array(one), np.array(other)) == pytest.approx(expected, abs=1e-4)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", WHITE) == pytest.approx(21)
    assert contrast("#777777", WHITE) == pytest.approx(4.478, abs=1e-3)
