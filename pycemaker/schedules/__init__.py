"""Schedules: reports that come by themselves."""
