"""MongoDB: connect to it or start it, read samples, make some up, collect this machine's."""
