"""Observes Pycemaker itself: logs, request ids, counts of its own traffic, the check runner."""
