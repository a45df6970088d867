"""The file of COLLECT_FILE: the sources of samples. It is checked whole: one message names every wrong line."""

import base64
import difflib
import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pycemaker.collect.sample_document import Steps
from pycemaker.collect.series_expressions import SeriesExpression, parse_expression, parse_matchers
from pycemaker.errors import InvalidSettings
from pycemaker.metrics import METRICS
from pycemaker.parsing.toml_lines import source_lines

PROMETHEUS, SCRAPE = "prometheus", "scrape"
_SCHEMA = Path(__file__).with_name("collect.schema.json")
_PRESETS = Path(__file__).with_name("presets.toml")


@dataclass(frozen=True)
class CollectSource:
    """One source, checked: `docs/collecting.md` has its keys.

    By metric id a Prometheus has `queries` (PromQL), an exporter `expressions`, and both `steps` of criticity.
    """

    name: str
    kind: str
    url: str
    queries: Mapping[str, str] = field(default_factory=dict)
    expressions: Mapping[str, SeriesExpression] = field(default_factory=dict)
    application: str = ""
    application_label: str = ""
    every_seconds: int = 15
    backfill_days: int = 14
    steps: Mapping[str, Steps] = field(default_factory=dict)
    authorization: str | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        """A digest of address, applications, cadence and queries: a source with others has a lease of its own."""
        parts = (self.kind, self.url, self.application, self.application_label, self.every_seconds)
        return hashlib.sha256(repr((parts, sorted(self.queries.items()))).encode()).hexdigest()[:24]

    @property
    def metric_ids(self) -> list[str]:
        """The metrics that it gives, in the order of their table."""
        return [metric.id for metric in METRICS if metric.id in self.queries or metric.id in self.expressions]


@dataclass(frozen=True)
class CollectFile:
    """A file's sources, its own steps of criticity by metric id, and its secrets by the names of their variables."""

    sources: tuple[CollectSource, ...] = ()
    steps: Mapping[str, Steps] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_collect_file(path: Path | None, environment: Mapping[str, str | None]) -> CollectFile:
    """The file's sources; none without a file. The environment has the credentials that the file names.

    Raises:
        InvalidSettings: the file cannot be read, or lines in it are wrong.
    """
    if path is None:
        return CollectFile()
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal(f"{path.name} cannot be read ({type(error).__name__})") from None
    except tomllib.TOMLDecodeError as error:
        raise _refusal(f"{path.name}: no TOML: {error}") from None
    problems = list(_wrong_keys(content))
    secrets: dict[str, str] = {}
    if not problems:
        problems = list(_missing_secrets(content, environment, secrets)) + list(_given_twice(content))
    if problems:
        raise _refusal(*_with_lines(problems, path.name, source_lines(text)))
    steps = _steps(content.get("criticity", {}))
    return CollectFile(tuple(_source(table, steps, secrets) for table in content["source"]), steps, secrets)


def _refusal(*problems: str) -> InvalidSettings:
    return InvalidSettings(problems=list(problems), see="docs/collecting.md")


Problem = tuple[int, str, str]
"""The source's number, 0 outside of all; the key; the fault."""


def _wrong_keys(content: Mapping[str, Any]) -> Iterator[Problem]:
    """The problems by the schema."""
    from jsonschema import Draft202012Validator, FormatChecker  # 0.1 s that a server without a file does not pay

    checker = FormatChecker(())
    checker.checks("matchers", ValueError)(lambda text: parse_matchers(str(text)) is not None)
    checker.checks("expression", ValueError)(lambda text: parse_expression(str(text)) is not None)
    schema = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    schema["$defs"]["metric"]["enum"] = [metric.id for metric in METRICS]
    validator = Draft202012Validator(schema, format_checker=checker)
    for error in validator.iter_errors(content):
        path = list(error.absolute_path)
        number = path[1] + 1 if path[:1] == ["source"] and len(path) > 1 else 0
        key = ".".join(map(str, path[2:] if number else path))
        is_name = "propertyNames" in error.absolute_schema_path
        if is_name or error.validator == "additionalProperties":
            known = error.validator_value if is_name else list(error.schema["properties"])
            for name in [error.instance] if is_name else sorted(set(error.instance) - set(known)):
                near = "".join(f" ({each}?)" for each in difflib.get_close_matches(name, known, 1))
                yield number, f"{key}.{name}".strip("."), f"is no key here{near}"
        elif error.validator == "required":
            yield number, key, f"lacks {', '.join(sorted(set(error.validator_value) - set(error.instance)))}"
        else:
            yield number, key, f"takes {error.schema.get('description', 'another kind of value')}"


def _missing_secrets(
    content: Mapping[str, Any], environment: Mapping[str, str | None], secrets: dict[str, str]
) -> Iterator[Problem]:
    """The variables that are missing or unfit; the others go into `secrets`."""
    for number, table in enumerate(content["source"], 1):
        for key in {"bearer_env", "basic_env"} & table.keys():
            secret = (environment.get(table[key]) or "").strip()
            is_plain = secret.isascii() and secret.isprintable()
            if not secret or not is_plain or (key == "basic_env" and ":" not in secret):
                yield number, key, f"names {table[key]}, and the environment has no such variable, or none that fits"
            secrets[table[key]] = secret


def _given_twice(content: Mapping[str, Any]) -> Iterator[Problem]:
    """The names that two sources have, and the samples that two sources give."""
    tables = [(table, _rule_texts(table)) for table in content["source"]]
    names = Counter(f"is called {_name(table)}" for table, _ in tables)
    given = Counter(
        f"gives {metric_id} of {table.get('application', 'the default application')}"
        for table, texts in tables
        for metric_id in texts
        if "application_label" not in table
    )
    for problem in (text for text, count in (names + given).items() if count > 1):
        yield 0, "", f"has more than one source that {problem}"


def _with_lines(problems: list[Problem], file_name: str, lines: Mapping[tuple[int, str], int]) -> list[str]:
    """The problems as lines of a message, in the order of the file; a key within braces has its table's line."""
    located = set()
    for number, key, text in problems:
        known = key
        while known and (number, known) not in lines:
            known = known.rpartition(".")[0]
        located.add((lines.get((number, known), 0), f"{key} {text}".strip()))
    return [f"{file_name}{f' line {line}' if line else ''}: {text}" for line, text in sorted(located)]


def _name(table: Mapping[str, Any]) -> str:
    return str(table.get("name") or table.get("application") or table["kind"])


def _steps(content: Mapping[str, Mapping[str, float]]) -> dict[str, Steps]:
    return {
        metric_id: tuple(sorted(((value, name) for name, value in table.items()), reverse=True))
        for metric_id, table in content.items()
    }


def _rule_texts(table: Mapping[str, Any]) -> dict[str, str]:
    """Queries and expressions by metric id: the table's own, and those of its preset for the other metrics."""
    presets: dict[str, dict[str, str]] = tomllib.loads(_PRESETS.read_text(encoding="utf-8"))
    return {**presets.get(table.get("preset", ""), {}), **table.get("queries", {})}


def _source(table: Mapping[str, Any], steps: Mapping[str, Steps], secrets: Mapping[str, str]) -> CollectSource:
    own, matchers = table.get("queries", {}), parse_matchers(table.get("selector", ""))
    is_scraped = table["kind"] == SCRAPE
    expressions = {
        metric_id: parse_expression(text).within(matchers)
        for metric_id, text in _rule_texts(table).items()
        if is_scraped or metric_id not in own
    }
    seconds = table.get("rate_seconds", max(4 * table.get("every_seconds", 15), 60))
    by = table.get("application_label", "")
    queries = (
        {}
        if is_scraped
        else own | {name: expression.to_promql(by, seconds) for name, expression in expressions.items()}
    )
    authorization = None
    if "bearer_env" in table:
        authorization = f"Bearer {secrets[table['bearer_env']]}"
    elif "basic_env" in table:
        authorization = f"Basic {base64.b64encode(secrets[table['basic_env']].encode()).decode()}"
    plain = ("kind", "application", "application_label", "every_seconds", "backfill_days")
    return CollectSource(
        name=_name(table),
        url=table["url"].rstrip("/"),
        queries=queries,
        expressions=expressions if is_scraped else {},
        steps={**steps, **_steps(table.get("criticity", {}))},
        authorization=authorization,
        **{key: table[key] for key in plain if key in table},
    )
