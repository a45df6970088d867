"""The command line: `python -m pycemaker`.

Only the requested command is imported, so that `--help` does not wait for the libraries of all commands.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    "serve": ("serve_command.add", "serve the API, as python server.py does"),
    "report": ("report_command.add", "make a report and mail it, as the route /report does, without the server"),
    "new": ("new_command.add", "make a notebook of your own to start from"),
    "preview": ("preview_command.add", "show the mail of a notebook as in Gmail, Outlook, on a phone and in dark mode"),
    "check": ("check_command.add", "try every notebook on an empty interval, gaps, NaN, a clock change, 30 days"),
    "doctor": ("doctor_command.add", "look at everything that a report needs, and say how to mend what is wrong"),
    "sample": ("sample_command.add", "write a made-up history into the database, or remove it"),
    "collect": ("collect_command.add", "collect from the sources of COLLECT_FILE, or this machine's CPU, RAM and disk"),
    "worker": ("worker_command.add", "make and send the reports that wait in MongoDB, without HTTP"),
    "schedule": ("schedule_command.add", "list, add, pause, run and remove reports that come by themselves"),
    "alerts": ("alerts_command.add", "list alerts and their rules, and preview a rule"),
    "suppressions": ("suppressions_command.add", "list, add and remove addresses that get no reports"),
}
"""By each command's name, the function in `pycemaker.cli` that adds its options, and its line of help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0 done, 1 failed, 2 invalid request or settings, 130 Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser(next((each for each in arguments if not each.startswith("-")), "")).parse_args(arguments)
    from pycemaker.cli.run import run  # after parsing, since `--help` ends there

    return run(options)


def _parser(requested: str) -> argparse.ArgumentParser:
    """The parser of all commands, with the options of the requested one only."""
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m pycemaker",
        description="Tells a team how its application is doing. `serve` serves the API, as `python server.py` does;\n"
        "the commands below do the rest. Settings come from the environment and .env.",
        formatter_class=style,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (adder, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, formatter_class=style)
        if name == requested:
            module, _, function = adder.partition(".")
            getattr(import_module(f"pycemaker.cli.{module}"), function)(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
