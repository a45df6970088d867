"""Inputs of other people's installations, each with what is expected of it: `python -m tests.cases`."""
