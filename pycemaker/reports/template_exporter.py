"""nbconvert's exporter with its templates in Jinja's sandbox, since cells can write into the templates' folder.

A report's process has the secrets in memory, and cells run as its user. In the sandbox a template reaches no function's
globals and no module, and what its `conf.json` names as preprocessors is not imported.
"""

from collections.abc import Callable, Iterator
from typing import Any

from pycemaker.reports import fast_nbformat  # noqa: F401 - before nbconvert, which imports nbformat whole

# isort: split
from jinja2.sandbox import ImmutableSandboxedEnvironment
from nbconvert.exporters.html import HTMLExporter
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor, ExtractOutputPreprocessor

_PANDOC = frozenset({"convert_pandoc", "markdown2asciidoc", "markdown2latex", "markdown2rst"})
"""Filters that start a program with the template's own arguments."""


class SandboxedExporter(HTMLExporter):
    """Exports notebooks as HTML by a template.

    Args:
        template_name: the template's folder below one of `folders`, or one of nbconvert's own.
        functions: functions that templates may call, by name. Their keyword arguments arrive as numbers and texts.
    """

    def __init__(
        self,
        template_name: str,
        folders: list[str],
        functions: dict[str, Callable[..., Any]],
        filters: dict[str, Callable[..., Any]],
        **globals_: Any,
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            template_name=template_name,
            extra_template_basedirs=folders,
            exclude_anchor_links=True,
            default_preprocessors=[],
            preprocessors=[  # nbconvert's own templates need the first, which their `conf.json` names
                CSSHTMLHeaderPreprocessor(enabled=True),  # type: ignore[no-untyped-call]
                ExtractOutputPreprocessor(enabled=True),  # type: ignore[no-untyped-call]
            ],
        )
        for name, each in filters.items():
            self.register_filter(name, each)  # type: ignore[no-untyped-call]
        plain = {name: _with_plain_facts(function) for name, function in functions.items()}
        self.environment.globals.update(plain, **globals_)

    def default_filters(self) -> Iterator[tuple[str, Any]]:
        """The filters of nbconvert, except those of _PANDOC."""
        yield from (each for each in super().default_filters() if each[0] not in _PANDOC)  # type: ignore[no-untyped-call]

    def _create_environment(self) -> ImmutableSandboxedEnvironment:
        usual = super()._create_environment()  # type: ignore[no-untyped-call]
        sandboxed = ImmutableSandboxedEnvironment(loader=usual.loader, extensions=list(usual.extensions))
        sandboxed.filters.update(usual.filters)
        sandboxed.globals.update(usual.globals)
        return sandboxed

    def _get_conf(self) -> dict[str, Any]:
        return {name: value for name, value in super()._get_conf().items() if name != "preprocessors"}  # type: ignore[no-untyped-call]


def _with_plain_facts(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, its keyword arguments as plain numbers and texts: `str.format` reads attributes of objects."""

    def call(*args: Any, **facts: Any) -> Any:
        plain = {name: fact if type(fact) in (int, float) else str(fact) for name, fact in facts.items()}
        return function(*args, **plain)

    return call
