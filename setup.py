"""Builds the package: dependencies out of requirements.txt, the notebooks as part of the wheel."""

from pathlib import Path
from shutil import copytree, ignore_patterns

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent


class BuildWithNotebooks(build_py):
    """Puts `notebooks/` into the package, where an installation without one of its own finds it."""

    def run(self) -> None:
        """Build the modules, then copy the notebooks beside them."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "pycemaker", "notebooks")
            copytree(HERE / "notebooks", target, ignore=ignore_patterns(".*", "__pycache__"), dirs_exist_ok=True)


def requirements() -> list[str]:
    """The lines of requirements.txt that name a package."""
    lines = (line.split("#")[0].strip() for line in (HERE / "requirements.txt").read_text().splitlines())
    return [line for line in lines if line and not line.startswith("-")]


setup(cmdclass={"build_py": BuildWithNotebooks}, install_requires=requirements())
