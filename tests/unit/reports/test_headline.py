from __future__ import annotations

from dataclasses import replace

from pycemaker.analysis.metric_summary import summarize_metric
from pycemaker.analysis.rates import in_rates
from pycemaker.analysis.sample_coverage import coverage
from pycemaker.metrics import CPU, RAM, REQUEST_COUNT
from pycemaker.presentation.figures.curve import curves
from pycemaker.reports.headline import read_data_digest
from tests.services.periods import WINDOW, columns, part, period_of


def test_the_same_samples_have_the_same_digest_and_any_other_another() -> None:
    whole = period_of(part(CPU, [0.1, 0.2], [0.3]), part(RAM, [0.5]))
    again = period_of(part(CPU, [0.1, 0.2], [0.3]), part(RAM, [0.5]))
    assert whole.digest == again.digest
    others = [
        period_of(part(CPU, [0.1, 0.2], [0.30000001]), part(RAM, [0.5])),
        period_of(part(CPU, [0.1], [0.3]), part(RAM, [0.5])),
        period_of(part(RAM, [0.1, 0.2], [0.3]), part(CPU, [0.5])),
        period_of(part(CPU, [0.1, 0.2], [0.3], names=("low", "high")), part(RAM, [0.5])),
        period_of(part(CPU, [0.1, 0.2]), part(RAM, [0.5])),
    ]
    assert len({whole.digest, *(other.digest for other in others)}) == 6


def test_a_digest_is_read_from_a_notebook_s_outputs_where_it_is_one() -> None:
    def notebook(told: object) -> dict[str, object]:
        return {"cells": [{"outputs": [{"metadata": {}}, {"metadata": {"pycemaker": told}}]}]}

    assert read_data_digest(notebook({"data_digest": "0" * 32})) == "0" * 32
    for told in ({"data_digest": "x" * 32}, {"data_digest": 5}, {}, "text", {"data_digest": "0" * 33}):
        assert read_data_digest(notebook(told)) == ""


def test_what_a_metric_comes_to_is_worked_out_once_and_anew_for_other_samples() -> None:
    one = part(REQUEST_COUNT, [10.0, 20.0, 30.0, 40.0])
    for work in (coverage, summarize_metric, in_rates):
        assert work(one) is work(one)
    assert curves(in_rates(one)) is curves(in_rates(one))
    other = replace(one, current=columns(WINDOW.start_utc, [50.0, 60.0]))
    assert (coverage(one).received, coverage(other).received) == (4, 2)
    assert (summarize_metric(one).mean, summarize_metric(other).mean) == (25.0, 55.0)
