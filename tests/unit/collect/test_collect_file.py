from __future__ import annotations

from pathlib import Path

import pytest

from pycemaker.collect.collect_file import CollectFile, read_collect_file
from pycemaker.errors import InvalidSettings
from pycemaker.metrics import METRICS
from pycemaker.settings import ROOT

WHOLE = """
[criticity.cpu]
high = 0.5
critical = 0.8

[[source]]
name = "shop"
kind = "prometheus"
url = "http://127.0.0.1:9090/prom/"
application = "shop"
every_seconds = 30
preset = "micrometer"
selector = 'job="shop"'
backfill_days = 3
bearer_env = "PROM_TOKEN"
[source.queries]
cpu = "max(my_cpu)"
[source.criticity]
response_time = {critical = 0.3}

[[source]]
kind = "scrape"
url = "http://127.0.0.1:9100/metrics"
preset = "node_exporter"
basic_env = "EXPORTER_LOGIN"
"""
ENVIRONMENT = {"PROM_TOKEN": "secret-token", "EXPORTER_LOGIN": "ana:senha"}


def read(text: str, folder: Path, environment: dict[str, str | None] | None = None) -> CollectFile:
    path = folder / "collect.toml"
    path.write_text(text, encoding="utf-8")
    return read_collect_file(path, environment or {})


def problems(text: str, folder: Path) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        read(text, folder)
    return [str(problem) for problem in caught.value.facts["problems"]]


def test_no_file_has_no_source() -> None:
    assert read_collect_file(None, {}).sources == ()


def test_a_whole_file(tmp_path: Path) -> None:
    shop, host = read(WHOLE, tmp_path, dict(ENVIRONMENT)).sources
    assert (shop.name, shop.url, shop.application, shop.every_seconds) == (
        "shop",
        "http://127.0.0.1:9090/prom",
        "shop",
        30,
    )
    assert shop.queries["cpu"] == "max(my_cpu)"
    assert shop.queries["disk"] == '1 - sum(disk_free_bytes{job="shop"}) / sum(disk_total_bytes{job="shop"} > 0)'
    assert "[120s]" in shop.queries["request_count"]
    assert shop.authorization == "Bearer secret-token"
    assert shop.steps == {"cpu": ((0.8, "critical"), (0.5, "high")), "response_time": ((0.3, "critical"),)}
    assert (host.name, host.application, host.every_seconds, host.metric_ids) == (
        "scrape",
        "",
        15,
        ["cpu", "ram", "disk"],
    )
    assert host.authorization == "Basic YW5hOnNlbmhh"
    assert host.queries == {}


def test_the_example_can_be_used() -> None:
    sources = read_collect_file(ROOT / "docs" / "collect.toml", {}).sources
    assert [source.application for source in sources] == ["shop", "web-1", "orders"]


def test_no_credential_is_in_a_repr(tmp_path: Path) -> None:
    file = read(WHOLE, tmp_path, dict(ENVIRONMENT))
    assert "secret-token" not in repr(file)
    assert file.secrets == ENVIRONMENT


def test_a_source_that_is_asked_for_something_else_is_another_one(tmp_path: Path) -> None:
    shop = read(WHOLE, tmp_path, dict(ENVIRONMENT)).sources[0]
    other = read(WHOLE.replace("max(my_cpu)", "min(my_cpu)"), tmp_path, dict(ENVIRONMENT)).sources[0]
    assert shop.id != other.id
    assert shop.id == read(WHOLE.replace('"shop"\nkind', '"renamed"\nkind'), tmp_path, dict(ENVIRONMENT)).sources[0].id


SOURCE = '[[source]]\nkind = "scrape"\nurl = "http://h"\npreset = "node_exporter"\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SOURCE + "every_seconds = 0\n", "collect.toml line 5: every_seconds takes whole seconds, 1 to 3600"),
        (SOURCE + 'every_seconds = "5"\n', "collect.toml line 5: every_seconds takes whole seconds, 1 to 3600"),
        (SOURCE + "every_second = 5\n", "collect.toml line 5: every_second is no key here (every_seconds?)"),
        (SOURCE + "backfill_days = 5\n", "collect.toml line 5: backfill_days takes no value with kind scrape"),
        (SOURCE + 'application = "Shop"\n', "collect.toml line 5: application takes a-z, 0-9, ., _ and -, up to 64 of them"),
        (SOURCE + 'selector = "job=shop"\n', 'collect.toml line 5: selector takes label matchers, such as job="shop"'),
        (SOURCE + "[source.queries]\ncpu = 'a + b'\n", 'collect.toml line 6: queries.cpu takes an expression, such as used_bytes{area="heap"} / max_bytes'),
        (SOURCE + "[source.queries]\ncpux = 'a'\n", "collect.toml line 6: queries.cpux is no key here (cpu?)"),
        (SOURCE + "[source.criticity]\ncpu = {high = 'x'}\n", "collect.toml line 6: criticity.cpu.high takes a number in the metric's unit"),
        (SOURCE + 'bearer_env = "NOWHERE"\n', "collect.toml line 5: bearer_env names NOWHERE, and the environment has no such variable, or none that fits"),
        ('[[source]]\nkind = "scrape"\nurl = "http://h"\n', "collect.toml line 1: takes a preset, or queries of your own"),
        ('[[source]]\npreset = "cadvisor"\nkind = "scrape"\n', "collect.toml line 1: lacks url"),
        (SOURCE.replace("http://h", "http://user:secret@h"), "collect.toml line 3: url takes an http:// or https:// URL without user, ? and #"),
        (SOURCE + SOURCE.replace("[[", '[[').replace('preset', 'application = "b"\npreset') + SOURCE.replace("preset", 'name = "c"\napplication = "b"\npreset'), "collect.toml: has more than one source that gives cpu of b"),
        ("", "collect.toml: lacks source"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named_with_what_it_takes(text: str, problem: str, tmp_path: Path) -> None:
    named = problems(text, tmp_path)
    assert problem in named
    assert "secret" not in str(named)


def test_every_wrong_line_is_named_at_once(tmp_path: Path) -> None:
    named = problems(
        SOURCE + "every_seconds = 0\nbackfill_days = 1\nnmae = 3\n" + SOURCE.replace("scrape", "x"), tmp_path
    )
    assert [name.split(":")[0] for name in named] == [f"collect.toml line {line}" for line in (5, 6, 7, 9)]


def test_a_text_that_is_no_toml_and_a_missing_file_are_named(tmp_path: Path) -> None:
    assert "line 1" in problems("[[source]\n", tmp_path)[0]
    with pytest.raises(InvalidSettings, match="cannot be read"):
        read_collect_file(tmp_path / "none.toml", {})


def test_the_schema_names_the_metrics_there_are(tmp_path: Path) -> None:
    queries = "".join(f"{metric.id} = 'a'\n" for metric in METRICS)
    file = read('[[source]]\nkind = "scrape"\nurl = "http://h"\n[source.queries]\n' + queries, tmp_path)
    assert file.sources[0].metric_ids == [metric.id for metric in METRICS]
