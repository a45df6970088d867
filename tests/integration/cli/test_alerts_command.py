"""`python -m pycemaker alerts` over a real mongod."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pycemaker.__main__ import main
from pycemaker.mongo.database import Database
from pycemaker.window import to_iso_text
from tests.services.alerting import MINUTE, QUIET, evaluate, evaluator_of, plant


def test_alerts_and_rules_are_listed_and_a_rule_is_previewed(
    tmp_path: Path, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("MONGO_DB_URL", database_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    start = datetime.now(UTC).replace(second=0, microsecond=0) - 10 * MINUTE
    plant(database, start, 10, QUIET)
    plant(database, start, 10, QUIET | {"cpu": 0.97}, application="loja")
    evaluate(evaluator_of(database, database_url, tmp_path), start, 10)

    def columns(*arguments: str) -> list[list[str]]:
        assert main(["alerts", *arguments]) == 0
        return [line.split("\t") for line in capsys.readouterr().out.splitlines()]

    assert columns("list") == []
    fired = ["threshold-cpu", to_iso_text(start), "firing", "0.97", "Consumo de CPU acima de 90%"]
    assert columns("list", "--app", "loja") == [fired]
    rules = columns("rules", "--app", "loja")
    assert (len(rules), rules[0]) == (13, ["threshold-cpu", "firing", "-", "Consumo de CPU acima de 90%"])
    assert [columns[1] for columns in columns("preview", "threshold-cpu", "--app", "loja")] == ["open"]
    assert columns("preview", "threshold-cpu") == []
    assert main(["alerts", "preview", "nenhuma"]) != 0
    assert main(["alerts", "list", "--app", "nenhuma"]) != 0
