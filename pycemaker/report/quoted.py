"""Addresses that others write: mail servers quote whom they are told of, and whom they pass it on to. Pure."""

from __future__ import annotations

import re

QUOTED_ADDRESS = re.compile(r"[^\s<>,;:\"'()@][^\s<>,;:\"()@]*@[^\s<>,;:\"'()@]+")
"""An address amid text; an apostrophe may stand in it (`o'neil@example.com`), and quotes around it."""
