"""The paths of the routes that several rooms name, as Bottle writes them (`<name>`) or as OpenAPI does (`{name}`)."""

from __future__ import annotations

import re
from functools import lru_cache

REPORT_PREFIX = "/report/"
REPORT_RULE = REPORT_PREFIX + "<date_now>/<time_range>/<email_to>"
REPORTS_PATH = "/reports"
NOTEBOOKS_PATH = "/notebooks"
SCHEDULES_PATH = "/schedules"
UNSUBSCRIBE_PREFIX = "/unsubscribe/"


@lru_cache(maxsize=64)
def template(rule: str) -> str:
    """A route's rule with its parameters in braces: `/{name}/{date_start}`."""
    return re.sub(r"<(\w+)[^>]*>", r"{\1}", rule)
