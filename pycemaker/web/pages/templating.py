"""HTML out of the Jinja templates in `templates/`. Every value is escaped, and a missing one is an error.
`_()` gives a message in the language spoken.

Jinja is loaded with the first page (some 30 ms), so that the server starts without it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pycemaker import brand
from pycemaker.i18n import language

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

FOLDER = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["_"] = language._
    return environment


def render(template: str, **values: Any) -> str:
    """The page out of one of the templates, in the brand's name and colours.
    Raises jinja2.UndefinedError: the template names a value that is not there.
    """
    return _environment().get_template(template).render(brand=brand.load(), **values)


def markup(message: str, **facts: str) -> Markup:
    """A message of ours as HTML: its facts, which it names in braces, are escaped unless they are Markup."""
    from markupsafe import Markup

    return Markup(message).format(**facts)  # noqa: S704 - messages are ours, and facts are escaped


def as_markup(html: str) -> Markup:
    """HTML that `render` gave, to stand in another page as it is."""
    from markupsafe import Markup

    return Markup(html)  # noqa: S704 - its values were escaped when it was rendered


def strong(text: str) -> Markup:
    """The text, emphasized."""
    return markup("<strong>{text}</strong>", text=text)
