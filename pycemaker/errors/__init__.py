"""The errors of this project: each class with its HTTP status, code, Portuguese sentence and field. Imports no HTTP.

Answers of the API, the OpenAPI document and the list of reports read these classes: a new error is one class in one of
the modules below, and one `raise`. `base` has the root, whose docstring explains the attributes.

An error's facts, by name, are plain scalars or lists of them, so that it can cross a process boundary as JSON
(`to_facts`, `from_facts`). Job documents in MongoDB hold class names, and callers compare codes, which are
made of them: a class keeps its name.
"""

# ruff: noqa: F403 - a list of names here would be a second place to edit for a new error

from pycemaker.errors.access_errors import *
from pycemaker.errors.base import *
from pycemaker.errors.database_errors import *
from pycemaker.errors.report_errors import *
from pycemaker.errors.request_errors import *
