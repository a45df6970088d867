"""`python -m pycemaker new`: a notebook of one's own, copied from `notebooks/templates/new.ipynb`."""

import argparse
import os
import re
import shutil
import sys
from pathlib import Path

from pycemaker.cli.arguments import notebook_name
from pycemaker.cli.startup import echo
from pycemaker.errors import InvalidParameter
from pycemaker.settings import NOTEBOOKS, ROOT, TEMPLATES, Settings

TEMPLATE = TEMPLATES / "new.ipynb"
"""The notebook that is copied; `{name}` and `{title}` stand in it for its name and the name as a title."""

_NAME = re.compile(r"\w[\w -]{0,63}")


def add(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `new`."""
    command.description = (
        "Make notebooks/NAME.ipynb: a report with its tagged parameters cell, the findings, and a table and a figure\n"
        "of your own to start from. Notebooks that are there are left as they are."
    )
    command.epilog = "example:\n  python -m pycemaker new vendas"
    command.add_argument("name", metavar="NAME", help="the report's name: letters, digits, blanks, - and _")
    command.set_defaults(command=new)


def new(options: argparse.Namespace, _settings: Settings) -> int:
    """`new`: make the notebook, and print what to do next. Raises InvalidParameter: it is no name, or taken."""
    name = notebook_name(options.name)
    if not _NAME.fullmatch(name):
        raise InvalidParameter(field="NAME", reason="takes letters, digits, blanks, - and _, 64 at most")
    path = _folder() / f"{name}.ipynb"
    title = name[:1].upper() + name[1:].replace("_", " ")
    text = TEMPLATE.read_text(encoding="utf-8").replace("{name}", name).replace("{title}", title)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InvalidParameter(field="NAME", reason=f"there is a {path.name} already") from None
    shown, python = os.path.relpath(path), os.path.relpath(sys.executable)
    echo(f'  {shown} is made\n  edit it:       {python} -m jupyter lab "{shown}"')
    echo(f'  see its mail:  {python} -m pycemaker preview "{name}" --watch')
    return 0


def _folder() -> Path:
    """The folder of the notebooks; of an installed package one at the root, with copies of those that it brings."""
    folder = ROOT / "notebooks"
    if folder != NOTEBOOKS:
        folder.mkdir(parents=True, exist_ok=True)
        for path in NOTEBOOKS.glob("*.ipynb"):
            shutil.copy(path, folder)
    return folder
