from __future__ import annotations

from pycemaker.metrics import CPU, RAM
from pycemaker.reports.headline import read_data_digest
from tests.services.periods import part, period_of


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
