"""The page at `/notebooks`: each report that can be requested, with a form that asks for it. No script."""

from collections.abc import Sequence

from pycemaker.errors import NotebookUnusable
from pycemaker.parsing.route_paths import NOTEBOOKS_PATH
from pycemaker.reports.attachments.kinds import KINDS
from pycemaker.reports.notebook_catalogue import Notebook, usable
from pycemaker.reports.parameters import own_parameters
from pycemaker.settings import Settings
from pycemaker.web.pages.message_page import ACTION, TOKEN
from pycemaker.web.pages.templating import render

ASK = "pedir"  # The value of each form's button


def page(notebooks: Sequence[Notebook | NotebookUnusable], settings: Settings) -> str:
    """The list for a person; each form posts to its notebook's path. An unusable one has its problem instead."""
    return render(
        "notebook_list.html",
        notebooks=[
            (each, [(own.name, own.schema()) for own in own_parameters(each.parameters)]) for each in usable(notebooks)
        ],
        problems=[each.facts for each in notebooks if not isinstance(each, Notebook)],
        action=f"{settings.base_path}{NOTEBOOKS_PATH}",
        button=(ACTION, ASK),
        token_field=TOKEN if settings.api_token else "",
        email=settings.email_from or "",
        most_hours=settings.max_range_hours,
        attachments=KINDS,
        base_path=settings.base_path,
    )
