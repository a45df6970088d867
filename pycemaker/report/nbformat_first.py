"""Imports nbformat without the grammar of IRIs, which takes a second of one core to compile.

nbformat imports jsonschema, and that looks for `rfc3987_syntax`, which JupyterLab brings along, to check texts of the
format `iri`; a notebook's schema has none. Import this before papermill and nbconvert.
"""

from __future__ import annotations

import sys
from typing import Any

_GRAMMAR = "rfc3987_syntax"
_modules: dict[str, Any] = sys.modules

_is_there = _GRAMMAR in _modules
_modules.setdefault(_GRAMMAR, None)  # how Python marks what there is none of
try:
    import nbformat as nbformat
finally:
    if not _is_there:
        del _modules[_GRAMMAR]
