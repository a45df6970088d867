"""Alerts: rules over every application's metrics, their states, and the mails that say what changed."""
