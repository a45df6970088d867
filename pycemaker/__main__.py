"""The command line: `python -m pycemaker`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from pycemaker import brand
from pycemaker.cli import (
    check_command,
    doctor_command,
    fill_commands,
    preview_command,
    report_command,
    suppressions_command,
)
from pycemaker.cli.startup import echo
from pycemaker.errors import InvalidRequest, InvalidSettings, NotFound, PycemakerError, RecipientNotAllowed
from pycemaker.jobs.process_tree import forbid_reading
from pycemaker.settings import Settings, load
from pycemaker.telemetry import logs

_ASKED_WRONGLY = (InvalidRequest, NotFound, RecipientNotAllowed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0 done, 1 it failed, 2 it was asked wrongly, 130 Ctrl-C."""
    options = _parser().parse_args(arguments)
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
        return 2 if isinstance(error, _ASKED_WRONGLY) else 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pycemaker",
        description="Tells a team how its application is doing. `python server.py` serves the API;\n"
        "the commands below do the rest. Settings come from the environment and .env.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    report_command.add(commands)
    preview_command.add(commands)
    check_command.add(commands)
    doctor_command.add(commands)
    fill_commands.add_sample(commands)
    fill_commands.add_collect(commands)
    suppressions_command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
