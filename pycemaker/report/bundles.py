"""What one cell leaves, as what a mail shows of it: printed text, a PNG or clean HTML; or a sentence in its place."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import unquote

from pycemaker.language import _
from pycemaker.report.charts import chart_library
from pycemaker.report.clean import clean_html
from pycemaker.report.converter import Converter
from pycemaker.report.figure_names import FigureNames
from pycemaker.report.fragments import mark, markdown_html, missing_picture, split_html, without_marks
from pycemaker.report.notebook_file import Json
from pycemaker.report.notices import Link, notice, too_long
from pycemaker.report.pictures import RASTER, SVG, MailPicture, PictureUnusable, kind_of, of_data_url
from pycemaker.report.plain_text import joined, json_text, shown_text
from pycemaker.report.styles import inline_styles

T = TypeVar("T")

LOCAL_PICTURES = "pycemaker_pictures"
"""Under which of an executed notebook's metadata the files lie that its texts show: base64, by their address there."""

_DRAWING = re.compile(r"<Axes|<Figure|Container object of|\bText\(|<(?:matplotlib|seaborn)\.|<[\w.]+ at 0x[0-9a-f]+>")
"""The repr of what draws: a cell's result beside its figure, which no reader needs."""

_PROGRESS = re.compile(r"\s*\d{1,3}%\|")
"""How the bar of tqdm begins that a widget shows: it is over when the report is made."""

_PLACEHOLDER = re.compile(r"\s*<IPython\.[\w.]+ object>\s*")
_EMBEDDED = re.compile(r"data:image/[^\"')\s]+", re.I)
_SETS_UP = re.compile(r"application/vnd\.\w+_load\.v\d+\+json")
"""What a library (bokeh, holoviews) loads before it shows anything."""

_SCRIPTED = {"application/vnd.jupyter.widget-view+json": "ipywidgets", "application/javascript": "JavaScript"}
_BY_SCRIPT = re.compile(r"application/vnd\.(\w+?)(?:js)?_exec\.v\d+\+json")
_MARKUP = ("text/html", "text/markdown")
_JSON = ("application/json", "application/geo+json")


class Cutter:
    """Cuts a notebook's cells down, one after another.

    Args:
        notebook: as it was run.
        limit: the longest HTML or markdown.
        link: where more is, for the sentences that stand for what is not shown.
        converter: makes the pictures.

    Attributes:
        pictures: those within texts by their names: `png` in base64, and `alt`, the sentence that stands for it.
        left_out: what readers do not see, a line in English each.
        cell: the number of the cell it is at.
    """

    def __init__(self, notebook: Json, limit: int, link: Link | None, converter: Converter) -> None:
        self.pictures: dict[str, dict[str, str]] = {}
        self.left_out: list[str] = []
        self._limit, self._link, self._converter = limit, link, converter
        self._names = FigureNames()
        self._local = notebook.get("metadata", {}).get(LOCAL_PICTURES) or {}
        self._attachments: Json = {}
        self.cell = 0

    def enter(self, cell: Json, *, counts: bool) -> None:
        """Go on to this cell; one that its author did not write does not count."""
        self.cell += counts
        self._attachments = cell.get("attachments") or {}

    def text_cell(self, source: str) -> str:
        """A text cell's HTML, clean; empty where it has none."""
        return self._safely(lambda: self._markup("text/markdown", source), self._failed) if source.strip() else ""

    def outputs(self, outputs: list[Json]) -> list[Json]:
        """What stays of a cell's outputs. The same figure twice (drawn, and the cell's result) stays once."""
        printed = [output for output in outputs if output.get("name") == "stdout"]
        drawn = set()
        kept: list[Json] = []
        for output in outputs:
            kind = output.get("output_type")
            if printed and output is printed[0]:
                kept += _text(shown_text(stream.get("text", "") for stream in printed))
            elif kind == "error" and not _is_clean_end(output):
                kept.append(_html(notice(_("Esta parte do relatório não pôde ser calculada."))))
            elif kind in ("display_data", "execute_result"):
                key = (joined(output.get("data", {}).get("image/png", "")), output.get("metadata", {}).get("filename"))
                if not key[0] or key not in drawn:
                    shown = self._safely(lambda: list(self._shown(output)), lambda why: [_html(self._failed(why))])  # noqa: B023 - called at once
                    marks = _only_page(output)
                    kept += [each | {"metadata": each.get("metadata", {}) | marks} if marks else each for each in shown]
                drawn.add(key)
        return kept

    def _safely(self, make: Callable[[], T], otherwise: Callable[[str], T]) -> T:
        """What is made; where a library fails on it, a sentence, so that one piece ends no report."""
        try:
            return make()
        except Exception as error:  # noqa: BLE001 - whatever a library raises is written down, with its cell
            return otherwise(f"render: {type(error).__name__}: {error}"[:200])

    def _failed(self, why: str) -> str:
        return self._instead(_("Esta parte do relatório não pôde ser mostrada."), why)

    def _instead(self, sentence: str, why: str) -> str:
        """The sentence in the place of what is not shown; why goes into the record."""
        self.left_out.append(f"cell {self.cell}: {why}")
        return notice(sentence, self._link)

    def _shown(self, output: Json) -> Iterator[Json]:
        """A figure before HTML before text: what draws by script often brings a PNG for those who run none."""
        content, metadata = output.get("data", {}), output.get("metadata", {})
        why = []
        for kind in (kind for kind in (*RASTER, *filter(chart_library, content), SVG) if kind in content):
            source = content[kind] if chart_library(kind) else joined(content[kind])
            try:
                yield self._figure(self._converter.picture(kind, source, _width(kind, metadata)), kind, metadata)
                return
            except PictureUnusable as error:
                why.append(f"{kind}: {error}")
        if why and (library := next(filter(None, map(chart_library, content)), "")):
            yield _html(self._scripted(library, why[-1]))
        elif _PROGRESS.match(joined(content.get("text/plain", ""))):
            return
        elif scripted := _scripted(content):
            yield _html(self._scripted(scripted, f"{scripted}: it is shown by a script"))
        else:
            yield from self._readable(content, why)

    def _readable(self, content: Json, why: list[str]) -> Iterator[Json]:
        """Markup, a formula, JSON or text; of anything else a sentence."""
        if kind := next((kind for kind in _MARKUP if kind in content), None):
            markup = self._markup(kind, joined(content[kind]))
            yield from [_html(markup)] if markup.strip() else []
        elif "text/latex" in content:
            yield self._formula(joined(content["text/latex"]))
        elif kind := next((kind for kind in _JSON if kind in content), None):
            yield from _text(shown_text([json_text(content[kind])]))
        elif any(map(_SETS_UP.fullmatch, content)):
            return
        elif others := [kind for kind in content if kind != "text/plain"]:
            reason = "; ".join(why) or f"{others[0]}: no mail shows it"
            yield _html(
                self._instead(_("Aqui há um conteúdo que um e-mail não mostra ({kind}).", kind=others[0]), reason)
            )
        else:
            text = shown_text([content.get("text/plain", "")])
            yield from [] if _DRAWING.search(text) or _PLACEHOLDER.fullmatch(text) else _text(text)

    def _scripted(self, library: str, why: str) -> str:
        return self._instead(
            _("Aqui há um conteúdo interativo ({kind}), que só funciona no Jupyter.", kind=library), why
        )

    def _formula(self, source: str) -> Json:
        try:
            return self._figure(
                self._converter.picture("text/latex", source), "text/latex", {"alt": source.strip("$ ")}
            )
        except PictureUnusable:
            return _text(shown_text([source]))[0]

    def _figure(self, picture: MailPicture, kind: str, metadata: Json) -> Json:
        """A PNG with a name, a width and a sentence, whether or not the cell gave it any."""
        given = metadata | (metadata.get(kind) or {})
        name = self._names.take(str(given.get("filename") or ""))
        alt = str(given.get("alt") or _("Figura {number} do relatório, sem descrição.", number=self._names.count))
        data = {"image/png": b64encode(picture.png).decode()}
        return _display(data, {"filename": name, "alt": alt, "width": picture.width})

    def _markup(self, kind: str, source: str) -> str:
        """HTML or markdown as clean HTML with marks for its pictures, and a sentence for what else it loses."""
        if len(source) > self._limit and len(_EMBEDDED.sub("", source)) > self._limit:
            return self._instead(too_long(), f"{kind}: {len(source)} characters, {self._limit} at most")
        fragment = split_html(markdown_html(without_marks(source)) if kind == "text/markdown" else source, self._take)
        clean = clean_html(inline_styles(fragment.html))
        if not fragment.lost:
            return clean if re.sub(r"<[^>]*>|\s", "", clean) else ""
        names = ", ".join(dict.fromkeys(_lost_name(tag) for tag in fragment.lost))
        return clean + self._scripted(names, f"{kind}: {', '.join(fragment.lost)}: no mail shows it")

    def _take(self, address: str, sentence: str, width: float | None) -> str:
        """A picture within a text: the mark for it, or why there is none."""
        try:
            kind, content = self._content_of(address)
            picture = self._converter.picture(kind, content, width)
        except PictureUnusable as error:
            shown = address if len(address) < 80 and not address.startswith("<") else kind_name(address)
            self.left_out.append(f"cell {self.cell}: picture {shown!r}: {error}")
            return missing_picture(sentence, address)
        stem = "" if address.startswith(("<", "data:")) else re.sub(r"\.\w+$", "", unquote(address).rpartition("/")[2])
        name = self._names.take(stem.removeprefix("attachment:"))
        alt = sentence or _("Figura {number} do relatório, sem descrição.", number=self._names.count)
        self.pictures[name] = {"png": b64encode(picture.png).decode(), "alt": alt}
        return mark(name, picture.width, alt)

    def _content_of(self, address: str) -> tuple[str, str]:
        """The media type of the picture at this address, and its base64 (of SVG, its text)."""
        if address.startswith("<"):
            return SVG, address
        if held := of_data_url(address):
            return held[0], b64encode(held[1]).decode()
        if address.startswith("attachment:"):
            name = address.removeprefix("attachment:")
            bundle = self._attachments.get(name) or self._attachments.get(unquote(name)) or {}
            kind = next((kind for kind in (*RASTER, SVG) if kind in bundle), None)
            if kind is None:
                raise PictureUnusable("no such attachment")
            return kind, joined(bundle[kind])
        if address in self._local:
            return kind_of(address), self._local[address]
        elsewhere = re.match(r"(?:https?:)?//", address, re.I)
        raise PictureUnusable(
            "it is on the web, where nothing is fetched from" if elsewhere else "there is no such file"
        )


def _lost_name(tag: str) -> str:
    """What a reader calls it that stands in such a tag."""
    if tag in ("video", "audio"):
        return _("vídeo") if tag == "video" else _("áudio")
    return _("gráfico") if tag in ("canvas", "script") else _("página embutida")


def kind_name(address: str) -> str:
    """What an address that holds its picture is called."""
    return "<svg>" if address.startswith("<") else f"{address[:30]}..."


def _is_clean_end(output: Json) -> bool:
    """Whether the cell called `sys.exit(0)`, which papermill counts as the notebook's early end."""
    return bool(output.get("ename") == "SystemExit" and output.get("evalue") in ("", "0", "None"))


def _scripted(content: Json) -> str:
    """The library whose script shows an output that nothing else does; empty for any other output."""
    by_script = [match[1] for match in map(_BY_SCRIPT.fullmatch, content) if match]
    alone = (
        [] if any(kind in content for kind in _MARKUP) else [_SCRIPTED[kind] for kind in content if kind in _SCRIPTED]
    )
    sets_up = any(map(_SETS_UP.fullmatch, content))
    return "" if sets_up else next(iter(by_script + alone), "")


def _width(kind: str, metadata: Json) -> float | None:
    width = (metadata | (metadata.get(kind) or {})).get("width")
    return width if isinstance(width, int | float) and width >= 1 else None


def _html(text: str) -> Json:
    return _display({"text/html": text}, {})


def _text(text: str) -> list[Json]:
    return [{"output_type": "stream", "name": "stdout", "text": text}] if text else []


def _only_page(output: Json) -> Json:
    """A mark on what the mail leaves to the page."""
    own = (output.get("metadata") or {}).get("pycemaker")
    return {"only": "page"} if isinstance(own, dict) and own.get("only") == "page" else {}


def _display(content: Any, metadata: Json) -> Json:
    return {"output_type": "display_data", "data": content, "metadata": metadata}
