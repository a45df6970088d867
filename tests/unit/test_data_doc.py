"""`docs/data.md` agrees with the metrics and criticities there are."""

from __future__ import annotations

import re

from pycemaker.analysis.criticity import criticity
from pycemaker.metrics import METRICS
from pycemaker.settings import ROOT

TEXT = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("|")]


def test_every_metric_has_its_collection_and_fields() -> None:
    table = {row[0].strip("`"): (row[1], row[2]) for row in ROWS if row[0].strip("`") in {m.id for m in METRICS}}
    assert table == {
        metric.id: (f"`{metric.collection}`", ", ".join(f"`{name}`" for name in metric.fields)) for metric in METRICS
    }


def test_criticities_have_the_words_that_readers_see() -> None:
    words = {row[0].strip("`"): row[1] for row in ROWS if row[0] in ("`low`", "`regular`", "`medium`", "`high`", "`critical`")}  # fmt: skip
    assert words == {name: criticity(name).label for name in ("low", "regular", "medium", "high", "critical")}


def test_the_example_has_eight_lines_or_so() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip()]) == 9
