"""papermill's client of a kernel, which keeps no secret of what cells show, and takes what widgets hold for output."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from traitlets import Instance

_SECRET_CHARACTERS = 1024
"""How long a secret may be, escaped or quoted, that comes in pieces; of a longer one, a key, each line is one."""

_PIXELS = re.compile(r"image/(?!svg)")
_WITH_OUTPUT = ("stream", "display_data", "execute_result", "update_display_data", "error")


class NotebookClient(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's client, which remembers the cell it is in, bounds what a cell prints, and keeps no secret.

    What a widget of ipywidgets takes (`with Output():`, `interact`) is the cell's own output: no reader has the widget.
    nbclient tells the kernel of it instead, and may miss the end of the cell over that, for ever
    (https://github.com/jupyter/nbclient/issues/312).
    """

    watch: Any = Instance(object)

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._outputs_before = 0
        self._taken_by_widgets: dict[str, list[int]] = {}
        self._clears_from: int | None = None

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Take one message of the kernel, without secrets and no longer than a cell may print."""
        if msg["msg_type"] in _WITH_OUTPUT:
            msg["content"] = _masked(msg["content"], self.watch.mask)
        if msg["msg_type"] == "stream":
            self.watch.bound(msg["content"], cell_index)
        self._outputs_before = len(cell.outputs)
        return super().process_message(msg, cell, cell_index)

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Add to what the cell has shown, in the place of what it has cleared."""
        if self._clears_from is not None:
            self._clear(outs, cell_index)
        made = super().output(outs, msg, display_id, cell_index)
        if msg["msg_type"] == "stream" and made and made.text:
            _mask_across(outs, made.name, self.watch.mask)
        return made

    def clear_output(self, outs: list[Any], msg: dict[str, Any], cell_index: int) -> None:
        """Take away what the cell has shown, or will when it shows more; within a widget, since that has taken it."""
        places = self._taken_by_widgets.get(msg["parent_header"].get("msg_id", ""))
        self._clears_from = places[-1] if places else 0
        if not msg["content"].get("wait"):
            self._clear(outs, cell_index)

    def _clear(self, outs: list[Any], cell_index: int) -> None:
        del outs[self._clears_from :]
        self.clear_display_id_mapping(cell_index)
        self._clears_from = None

    def register_output_hook(self, msg_id: str, hook: Any) -> None:  # noqa: ARG002 - as nbclient calls it
        """A widget takes from here on what the cell shows."""
        self._taken_by_widgets.setdefault(msg_id, []).append(self._outputs_before)

    def remove_output_hook(self, msg_id: str, hook: Any) -> None:  # noqa: ARG002 - as nbclient calls it
        """The widget takes no more."""
        place = self._taken_by_widgets[msg_id].pop()
        if self._clears_from is not None and self._clears_from >= place:
            self._clears_from = None  # what comes next is not in that widget's place

    def set_widgets_metadata(self) -> None:
        """Keep no widget's state: no mail or page shows it, and nothing has taken secrets out of it."""


def _masked(content: Any, mask: Callable[[str], str]) -> Any:
    """The content, each text in it without secrets; pictures as they are, which are long, and (but for SVG) no text."""
    if isinstance(content, str):
        return mask(content)
    if isinstance(content, dict):
        return {mask(name): part if _PIXELS.match(name) else _masked(part, mask) for name, part in content.items()}
    return [_masked(part, mask) for part in content] if isinstance(content, list) else content


def _mask_across(outputs: list[Any], name: str, mask: Callable[[str], str]) -> None:
    """Mask what a cell has printed last on one stream as the one text that it is: a flush may part a secret in two.

    No output goes, since nbclient finds them by their places; one whose text went into an earlier one stays empty.
    """
    pieces: list[Any] = []
    length = 0
    for output in reversed(outputs):
        if output.output_type == "stream" and output.name == name:
            pieces.insert(0, output)
            length += len(output.text)
            if len(pieces) > 1 and length - len(pieces[-1].text) >= _SECRET_CHARACTERS:
                break
    printed = "".join(piece.text for piece in pieces)
    if (clean := mask(printed)) != printed:
        for piece in pieces:
            piece.text, clean = clean, ""
