"""The commands of `python -m pycemaker`: each module adds its own to the parser, and runs it."""
