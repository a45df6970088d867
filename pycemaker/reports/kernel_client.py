"""Kernel client of papermill that masks secrets in outputs, limits printing, and keeps what widgets capture."""

import re
from collections.abc import Callable
from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from traitlets import Instance

_SECRET_CHARACTERS = 1024
"""The longest secret that is found across pieces of output; longer ones, keys, are masked line by line."""

_PIXELS = re.compile(r"image/(?!svg)")
_WITH_OUTPUT = ("stream", "display_data", "execute_result", "update_display_data", "error")


class NotebookClient(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's client, which masks secrets and limits what a cell prints.

    Output that an ipywidget captures (`with Output():`, `interact`) stays the cell's own: readers have no widgets.
    nbclient would send it to the kernel, and may then miss the end of the cell for ever
    (https://github.com/jupyter/nbclient/issues/312).
    """

    watch: Any = Instance(object)

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._outputs_before = 0
        self._widget_starts: dict[str, list[int]] = {}
        self._clears_from: int | None = None

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Process one message of the kernel, masked and cut to what a cell may print."""
        if msg["msg_type"] in _WITH_OUTPUT:
            msg["content"] = _masked(msg["content"], self.watch.mask)
        if msg["msg_type"] == "stream":
            self.watch.limit(msg["content"], cell_index)
        self._outputs_before = len(cell.outputs)
        return super().process_message(msg, cell, cell_index)

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Add an output to the cell, in place of what it has cleared."""
        if self._clears_from is not None:
            self._clear(outs, cell_index)
        added = super().output(outs, msg, display_id, cell_index)
        if msg["msg_type"] == "stream" and added and added.text:
            _mask_across(outs, added.name, self.watch.mask)
        return added

    def clear_output(self, outs: list[Any], msg: dict[str, Any], cell_index: int) -> None:
        """Remove the cell's outputs, at once or with its next one; within a widget, those since its start."""
        starts = self._widget_starts.get(msg["parent_header"].get("msg_id", ""))
        self._clears_from = starts[-1] if starts else 0
        if not msg["content"].get("wait"):
            self._clear(outs, cell_index)

    def _clear(self, outs: list[Any], cell_index: int) -> None:
        del outs[self._clears_from :]
        self.clear_display_id_mapping(cell_index)
        self._clears_from = None

    def register_output_hook(self, msg_id: str, hook: Any) -> None:  # noqa: ARG002 - as nbclient calls it
        """Note where a widget begins to capture the cell's outputs."""
        self._widget_starts.setdefault(msg_id, []).append(self._outputs_before)

    def remove_output_hook(self, msg_id: str, hook: Any) -> None:  # noqa: ARG002 - as nbclient calls it
        """Note that the widget captures no more."""
        start = self._widget_starts[msg_id].pop()
        if self._clears_from is not None and self._clears_from >= start:
            self._clears_from = None  # the next output is outside that widget

    def set_widgets_metadata(self) -> None:
        """Store no widget's state: no mail or page shows it, and its secrets are not masked."""


def _masked(content: Any, mask: Callable[[str], str]) -> Any:
    """The content with each text masked; pictures other than SVG, which are long and no text, as they are."""
    if isinstance(content, str):
        return mask(content)
    if isinstance(content, dict):
        return {mask(name): part if _PIXELS.match(name) else _masked(part, mask) for name, part in content.items()}
    return [_masked(part, mask) for part in content] if isinstance(content, list) else content


def _mask_across(outputs: list[Any], name: str, mask: Callable[[str], str]) -> None:
    """Mask the last outputs of one stream as one text: a flush may split a secret.

    No output is removed, since nbclient finds them by index; one whose text moved into an earlier one stays empty.
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
