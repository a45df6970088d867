"""Cell outputs for readers: printed text, a PNG or sanitized HTML; or a notice in place of what mails cannot show."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import unquote

from pycemaker.i18n.language import _
from pycemaker.reports.chart_exporters import chart_library
from pycemaker.reports.figure_names import FigureNames
from pycemaker.reports.html_placeholders import (
    markdown_html,
    missing_picture,
    placeholder,
    split_html,
    without_placeholders,
)
from pycemaker.reports.inline_styles import inline_styles
from pycemaker.reports.notebook_file import Json
from pycemaker.reports.notices import Link, notice, too_long
from pycemaker.reports.picture_cache import PictureCache
from pycemaker.reports.pictures import RASTER, SVG, MailPicture, PictureUnusable, kind_of, of_data_url
from pycemaker.reports.plain_text import PRINTED_CHARACTERS, joined, shown_text
from pycemaker.reports.sanitize import sanitize_html
from pycemaker.series.period import REPR_CLASS

T = TypeVar("T")

LOCAL_PICTURES = "pycemaker_pictures"
"""The key in an executed notebook's metadata of the picture files that its texts show: base64 by address."""

_DRAWING = re.compile(r"<Axes|<Figure|Container object of|\bText\(|<(?:matplotlib|seaborn)\.|<[\w.]+ at 0x[0-9a-f]+>")
"""The repr of a plotting object: the result of a cell beside its figure, which no reader needs."""

_PROGRESS = re.compile(r"\s*\d{1,3}%\|")
"""The text of a tqdm widget: a progress bar, finished when the report is rendered."""

_PLACEHOLDER = re.compile(r"\s*<IPython\.[\w.]+ object>\s*")
_EMBEDDED = re.compile(r"data:image/[^\"')\s]+", re.I)
_SETS_UP = re.compile(r"application/vnd\.\w+_load\.v\d+\+json")
"""Scripts that a library (bokeh, holoviews) loads before it shows anything."""

_SCRIPTED = {"application/vnd.jupyter.widget-view+json": "ipywidgets", "application/javascript": "JavaScript"}
_BY_SCRIPT = re.compile(r"application/vnd\.(\w+?)(?:js)?_exec\.v\d+\+json")
_MARKUP = ("text/html", "text/markdown")
_JSON = ("application/json", "application/geo+json")


class CellReducer:
    """Reduces a notebook's cells to what readers see, one after another.

    Args:
        limit: the longest HTML or markdown, in characters.
        link: leads to what is not shown; stands in the notices.
        pictures: the pictures within texts, by name: `png` in base64, and `alt`.
        left_out: what readers do not see, a line in English each.
        remarks: what readers see and its author may not have meant: a figure twice, a period's own table.
    """

    def __init__(self, notebook: Json, limit: int, link: Link | None, converter: PictureCache) -> None:
        self.pictures: dict[str, dict[str, str]] = {}
        self.left_out: list[str] = []
        self.remarks: list[str] = []
        self._figure_cells: dict[str, int] = {}
        self._limit, self._link, self._converter = limit, link, converter
        self._names = FigureNames()
        self._local = notebook.get("metadata", {}).get(LOCAL_PICTURES) or {}
        self._attachments: Json = {}
        self.cell = 0

    def enter(self, cell: Json, *, counts: bool) -> None:
        """Go on to this cell; cells that papermill added do not count."""
        self.cell += counts
        self._attachments = cell.get("attachments") or {}

    def text_cell(self, source: str) -> str:
        """A text cell's sanitized HTML; empty where it has none."""
        return self._safely(lambda: self._markup("text/markdown", source), self._failed) if source.strip() else ""

    def outputs(self, outputs: list[Json]) -> list[Json]:
        """A cell's outputs for readers. A figure that is shown twice (drawn, and as the result) is there once."""
        printed = [output for output in outputs if output.get("name") == "stdout"]
        drawn = set()
        reduced: list[Json] = []
        for output in outputs:
            kind = output.get("output_type")
            if printed and output is printed[0]:
                reduced += _text(self._cut([stream.get("text", "") for stream in printed]))
            elif kind == "error" and not _is_clean_end(output):
                reduced.append(_html(notice(_("Esta parte do relatório não pôde ser calculada."))))
            elif kind in ("display_data", "execute_result"):
                key = (joined(output.get("data", {}).get("image/png", "")), output.get("metadata", {}).get("filename"))
                if not key[0] or key not in drawn:
                    self._remark(output)
                    shown = self._safely(lambda: list(self._shown(output)), lambda why: [_html(self._failed(why))])  # noqa: B023 - called at once
                    only = _only_page(output)
                    reduced += [
                        each | {"metadata": each.get("metadata", {}) | only} if only else each for each in shown
                    ]
                drawn.add(key)
        return reduced

    def _remark(self, output: Json) -> None:
        """Remarks on a figure that an earlier output shows too, and on a period that shows itself."""
        data, own = output.get("data", {}), (output.get("metadata") or {}).get("pycemaker")
        if f'class="{REPR_CLASS}"' in joined(data.get("text/html", "")):
            self.remarks.append(
                f"cell {self.cell}: shows a period itself: end the cell with something for readers, or ;"
            )
        png, text = joined(data.get("image/png", "")), joined(data.get("text/plain", ""))
        shown_as = own.get("shown_as") if isinstance(own, dict) else None
        earlier = self._figure_cells.get(shown_as or "") or self._figure_cells.get(png)
        if png and earlier:
            remedy = "leave plt.show() out" if shown_as else "show it once"
            where = "this cell" if earlier == self.cell else f"cell {earlier}"
            self.remarks.append(f"cell {self.cell}: shows a figure that {where} has shown already: {remedy}")
        if png:
            self._figure_cells |= {png: self.cell} | ({text: self.cell} if text.startswith("<Figure ") else {})

    def _cut(self, texts: list[str | list[str]]) -> str:
        """The texts as readers see them; a remark where that is not all."""
        if (length := sum(len(joined(text)) for text in texts)) > PRINTED_CHARACTERS:
            self.remarks.append(f"cell {self.cell}: readers see {PRINTED_CHARACTERS} of {length} characters of text")
        return shown_text(texts)

    def _safely(self, make: Callable[[], T], otherwise: Callable[[str], T]) -> T:
        """The result of `make`; where a library fails, that of `otherwise`: one output must not fail the report."""
        try:
            return make()
        except Exception as error:  # noqa: BLE001 - whatever a library raises is recorded with its cell
            return otherwise(f"render: {type(error).__name__}: {error}"[:200])

    def _failed(self, why: str) -> str:
        return self._instead(_("Esta parte do relatório não pôde ser mostrada."), why)

    def _instead(self, sentence: str, why: str) -> str:
        """A notice in place of what is not shown; the reason goes into the record."""
        self.left_out.append(f"cell {self.cell}: {why}")
        return notice(sentence, self._link)

    def _shown(self, output: Json) -> Iterator[Json]:
        """A figure before HTML before text: outputs of scripts often bring a PNG for programs that run none."""
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
        """Markup, a formula, JSON or text; for anything else a notice."""
        if kind := next((kind for kind in _MARKUP if kind in content), None):
            markup = self._markup(kind, joined(content[kind]))
            yield from [_html(markup)] if markup.strip() else []
        elif "text/latex" in content:
            yield self._formula(joined(content["text/latex"]))
        elif kind := next((kind for kind in _JSON if kind in content), None):
            yield from _text(shown_text([json.dumps(content[kind], indent=2, ensure_ascii=False)]))
        elif any(map(_SETS_UP.fullmatch, content)):
            return
        elif others := [kind for kind in content if kind != "text/plain"]:
            reason = "; ".join(why) or f"{others[0]}: no mail shows it"
            yield _html(
                self._instead(_("Aqui há um conteúdo que um e-mail não mostra ({kind}).", kind=others[0]), reason)
            )
        else:
            text = self._cut([content.get("text/plain", "")])
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
        """A PNG with a file name, a width and an alternative text, from the cell's metadata or made up here."""
        own = metadata | (metadata.get(kind) or {})
        name = self._names.assign(str(own.get("filename") or ""))
        alt = str(own.get("alt") or _("Figura {number} do relatório, sem descrição.", number=self._names.count))
        data = {"image/png": b64encode(picture.png).decode()}
        return _display(data, {"filename": name, "alt": alt, "width": picture.width})

    def _markup(self, kind: str, source: str) -> str:
        """HTML or markdown as sanitized HTML with placeholders for pictures, and a notice for other losses."""
        if len(source) > self._limit and len(_EMBEDDED.sub("", source)) > self._limit:
            return self._instead(too_long(), f"{kind}: {len(source)} characters, {self._limit} at most")
        html = markdown_html(without_placeholders(source)) if kind == "text/markdown" else source
        fragment = split_html(html, self._take_picture)
        clean = sanitize_html(inline_styles(fragment.html))
        if not fragment.lost:
            return clean if re.sub(r"<[^>]*>|\s", "", clean) else ""
        names = ", ".join(dict.fromkeys(_lost_name(tag) for tag in fragment.lost))
        return clean + self._scripted(names, f"{kind}: {', '.join(fragment.lost)}: no mail shows it")

    def _take_picture(self, address: str, sentence: str, width: float | None) -> str:
        """A picture within a text: its placeholder, or text in its place."""
        try:
            kind, content = self._content_of(address)
            picture = self._converter.picture(kind, content, width)
        except PictureUnusable as error:
            shown = address if len(address) < 80 and not address.startswith("<") else kind_name(address)
            self.left_out.append(f"cell {self.cell}: picture {shown!r}: {error}")
            return missing_picture(sentence, address)
        stem = "" if address.startswith(("<", "data:")) else re.sub(r"\.\w+$", "", unquote(address).rpartition("/")[2])
        name = self._names.assign(stem.removeprefix("attachment:"))
        alt = sentence or _("Figura {number} do relatório, sem descrição.", number=self._names.count)
        self.pictures[name] = {"png": b64encode(picture.png).decode(), "alt": alt}
        return placeholder(name, picture.width, alt)

    def _content_of(self, address: str) -> tuple[str, str]:
        """The media type of the picture at this address, and its base64, or the text of inline SVG."""
        if address.startswith("<"):
            return SVG, address
        if data := of_data_url(address):
            return data[0], b64encode(data[1]).decode()
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
    """The readers' word for content in such a tag."""
    if tag in ("video", "audio"):
        return _("vídeo") if tag == "video" else _("áudio")
    return _("gráfico") if tag in ("canvas", "script") else _("página embutida")


def kind_name(address: str) -> str:
    """A short name for an address that contains its picture."""
    return "<svg>" if address.startswith("<") else f"{address[:30]}..."


def _is_clean_end(output: Json) -> bool:
    """True if the cell called `sys.exit(0)`, which papermill treats as the notebook's early end."""
    return bool(output.get("ename") == "SystemExit" and output.get("evalue") in ("", "0", "None"))


def _scripted(content: Json) -> str:
    """The library without whose script the output cannot be shown; empty for any other output."""
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
    """The metadata `only: page` of an output that the mail leaves to the page; empty for others."""
    own = (output.get("metadata") or {}).get("pycemaker")
    return {"only": "page"} if isinstance(own, dict) and own.get("only") == "page" else {}


def _display(content: Any, metadata: Json) -> Json:
    return {"output_type": "display_data", "data": content, "metadata": metadata}
