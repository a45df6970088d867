"""Who may ask for what: tokens, limits, callers, browsers of other sites."""
