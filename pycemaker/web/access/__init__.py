"""Access control: tokens, limits, client addresses, requests of other sites' pages."""
