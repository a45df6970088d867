"""The HTTP face: routes, what goes around them, and what callers are told. No other room knows HTTP."""
