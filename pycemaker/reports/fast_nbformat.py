"""Import of nbformat without the grammar of IRIs, which takes a second of one core to compile.

nbformat imports jsonschema, which imports `rfc3987_syntax` where it is installed (JupyterLab brings it along) to check
texts of the format `iri`. A notebook's schema has none. Import this module before papermill and nbconvert.
"""

import sys
from typing import Any

_GRAMMAR = "rfc3987_syntax"
_modules: dict[str, Any] = sys.modules

_is_imported = _GRAMMAR in _modules
_modules.setdefault(_GRAMMAR, None)  # None makes `import` raise ModuleNotFoundError, which jsonschema expects
try:
    import nbformat as nbformat
finally:
    if not _is_imported:
        del _modules[_GRAMMAR]
