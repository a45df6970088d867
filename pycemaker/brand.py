"""Name, logo and colours of all that readers see: `notebooks/templates/brand.json`.

The mail, the page, the notebooks' tables, the figures, the page at `/` and the preview take them from there. Colours
are `#rrggbb`. `light` and `dark` have the same names, of which each is a CSS variable too (`on_brand`: `--on-brand`);
an `_edge` is a border, and text on the ground whose name it has. `logo` is an https address of a square picture, the
name of a picture file beside `brand.json`, or empty for the initial; `sender` is the name that mails come from;
`subject_prefix` stands before each subject. `installation` is what is watched here ("Loja virtual"): it stands in
subject and head in the name's place, or is empty.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from pycemaker.errors import InvalidSettings
from pycemaker.settings import TEMPLATES

FILE = TEMPLATES / "brand.json"

_PLACEHOLDER = re.compile(r"\{\{ brand\.(\w+)\.(\w+) \}\}")
_UNKNOWN = "#333333"


@dataclass(frozen=True)
class Brand:
    """The file's content; without one, where only the package is installed, this project's name and one dark grey."""

    name: str = "Pycemaker"
    initial: str = "P"
    logo: str = ""
    sender: str = "Pycemaker"
    subject_prefix: str = ""
    installation: str = ""
    light: Mapping[str, str] = field(default_factory=dict)
    dark: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    criticities: Mapping[str, str] = field(default_factory=dict)
    spare: tuple[str, ...] = ()

    @property
    def watched(self) -> str:
        """The subject of a report in its head and mail: the installation, or this project's name without one."""
        return self.installation or self.name

    def figure(self, part: str) -> str:
        """The colour of a part of figures."""
        return self.figures.get(part, _UNKNOWN)

    def metric(self, metric_id: str) -> str:
        """A metric's colour; always the same spare one for a metric that the file does not know."""
        return self.metrics.get(metric_id) or self._spare(metric_id)

    def criticity(self, name: str) -> str:
        """A criticity's colour; always the same spare one for a word that the file does not know."""
        return self.criticities.get(name) or self._spare(name)

    def variables(self, palette: Mapping[str, str], prefix: str = "") -> str:
        """A palette as CSS variables, `--ink: #1c2733; ...`."""
        return " ".join(f"--{prefix}{name.replace('_', '-')}: {color};" for name, color in palette.items())

    def _spare(self, name: str) -> str:
        return self.spare[sum(name.encode()) % len(self.spare)] if self.spare else _UNKNOWN


def load(file: Path = FILE) -> Brand:
    """The brand as the file says it now. Raises InvalidSettings where the file cannot be read."""
    return _read(file, file.stat().st_mtime_ns) if file.exists() else Brand()


@lru_cache(maxsize=1)
def _read(file: Path, _saved_ns: int) -> Brand:
    try:
        fields = json.loads(file.read_text(encoding="utf-8-sig"))
        return _checked(Brand(**fields | {"spare": tuple(fields.get("spare", ()))}))
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    except (ValueError, TypeError, AttributeError):
        problem = "takes an object of JSON, in UTF-8, with the names and colours that docs/configuration.md shows"
    raise InvalidSettings(problems=[f"{file.name} {problem}"])


def _checked(brand: Brand) -> Brand:
    """The brand, where its texts are texts and its palettes are of texts; else raises TypeError."""
    palettes = (brand.light, brand.dark, brand.figures, brand.metrics, brand.criticities)
    texts = [brand.name, brand.initial, brand.logo, brand.sender, brand.subject_prefix, *brand.spare]
    if not all(isinstance(palette, dict) for palette in palettes):
        raise TypeError(brand)
    if not all(isinstance(text, str) for text in [*texts, *(text for each in palettes for text in each.values())]):
        raise TypeError(brand)
    return brand


def style_sheet(path: Path, **widths: int) -> str:
    """A style sheet with `{{ brand.light.ink }}` and `{{ width.NAME }}` filled in; empty without a file."""
    if not path.exists():
        return ""
    brand, text = load(), path.read_text(encoding="utf-8")
    for name, pixels in widths.items():
        text = text.replace(f"{{{{ width.{name} }}}}", str(pixels))
    return _PLACEHOLDER.sub(lambda match: getattr(brand, match[1])[match[2]], text)
