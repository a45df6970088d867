"""Runner of one command: loads settings and sets up logs before it, turns its errors into exit statuses."""

import argparse
from collections.abc import Callable

from pycemaker import brand
from pycemaker.cli.startup import echo
from pycemaker.errors import InvalidRequest, InvalidSettings, NotFound, PycemakerError, RecipientNotAllowed
from pycemaker.jobs.process_tree import forbid_reading
from pycemaker.settings import Settings, load
from pycemaker.telemetry import logs

_USAGE_ERRORS = (InvalidRequest, NotFound, RecipientNotAllowed)


def run(options: argparse.Namespace) -> int:
    """Run the requested command; the exit status: 0 done, 1 failed, 2 invalid request or settings, 130 Ctrl-C."""
    forbid_reading()
    try:
        command: Callable[[argparse.Namespace, Settings], int] = options.command
        settings = load()
        brand.load()
        logs.set_up(settings)
        return command(options, settings)
    except InvalidSettings as error:
        if "on_invalid_settings" in options:
            return int(options.on_invalid_settings(options, error))
        echo(f"pycemaker: {error}")
        return 2
    except PycemakerError as error:
        echo(f"pycemaker: {error}")
        return 2 if isinstance(error, _USAGE_ERRORS) else 1
    except KeyboardInterrupt:
        return 130
