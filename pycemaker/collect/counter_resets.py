"""Increase of a counter between two scrapes, across its resets. Pure."""

_LEAST_FALL = 0.01
"""A counter that falls by less has not begun anew: its exporter is inexact."""


def counter_increase(earlier: float, later: float) -> float:
    """The increase of a counter; one that fell began anew at 0, as in Prometheus' `increase`."""
    if later >= earlier:
        return later - earlier
    return later if later < earlier * (1 - _LEAST_FALL) else 0.0
