"""Names of applications, as samples carry them in `application` and paths in `/apps/<application>/...`."""

import re

from pycemaker.errors import UnknownApplication

FIELD = "application"
"""The field of a sample that names its application; a sample without it is the default application's."""

DEFAULT_APPLICATION = ""
"""The application of samples that name none, which every route without an application means."""

PATTERN = "[a-z0-9][a-z0-9._-]{0,63}"
_NAME = re.compile(PATTERN, re.ASCII)


def is_application(name: object) -> bool:
    """True for a text that an application may be called; the default one has no name."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def parse_application(text: str) -> str:
    """The application that a text names; the empty text is the default one.

    Raises:
        UnknownApplication: no application can have that name.
    """
    if text != DEFAULT_APPLICATION and not is_application(text):
        raise UnknownApplication(application=text[:40])
    return text
