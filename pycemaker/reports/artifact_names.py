"""Names of a report's files: in its workspace, in GridFS, in the links from its page to its figures."""

import re

EXECUTED_NOTEBOOK = "executed.ipynb"
PAGE = "page.html"
MESSAGE = "message.eml"
FIGURES = "figures/"  # The folder of the figures: each figure's name begins with it


def link_figures(html: str) -> str:
    """The HTML with each `figure:<name>` source as a link to that figure's file beside the page."""
    return re.sub(r'"figure:([^"]+)"', rf'"{FIGURES}\1"', html)
