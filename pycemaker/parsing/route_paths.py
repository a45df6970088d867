"""The paths of the routes that several rooms name, as Bottle writes them (`<name>`) or as OpenAPI does (`{name}`)."""

import re
from functools import lru_cache

REPORT_PREFIX = "/report/"
REPORT_RULE = REPORT_PREFIX + "<date_now>/<time_range>/<email_to>"
REPORTS_PATH = "/reports"
NOTEBOOKS_PATH = "/notebooks"
SAMPLES_PATH = "/samples"
SCHEDULES_PATH = "/schedules"
ONE_SCHEDULE = SCHEDULES_PATH + "/<schedule_id>"
ALERTS_PATH = "/alerts"
ALERT_RULES_PATH = ALERTS_PATH + "/rules"
ONE_ALERT_RULE = ALERT_RULES_PATH + "/<rule_id>"
ALERT_LINK_PREFIX = ALERTS_PATH + "/links/"
UNSUBSCRIBE_PREFIX = "/unsubscribe/"
LEAVE_TOKEN = "each_recipient_has_their_own"  # noqa: S105 - no token
"""The place of the token in a mail's foot until it is sent."""
APPS_PATH = "/apps"
OVERVIEW_PATH, OVERVIEW_SCRIPT_PATH = "/overview", "/overview.js"
APPLICATION_RULE = APPS_PATH + "/<application>"


def with_application(rule: str) -> list[str]:
    """The rule itself, which means the default application, and the same below `/apps/<application>`."""
    return [rule, APPLICATION_RULE + rule.rstrip("/")]


def without_application(path: str) -> str:
    """The path of the same route for the default application: `/reports` of `/apps/loja/reports`."""
    if not path.startswith(APPS_PATH + "/"):
        return path
    return "/" + path[len(APPS_PATH) + 1 :].partition("/")[2]


def application_path(application: str) -> str:
    """The beginning of an application's paths; nothing for the default application."""
    return f"{APPS_PATH}/{application}" if application else ""


@lru_cache(maxsize=64)
def template(rule: str) -> str:
    """A route's rule with its parameters in braces: `/{name}/{date_start}`."""
    return re.sub(r"<(\w+)[^>]*>", r"{\1}", rule)
