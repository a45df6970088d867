"""What a mail would look like in other people's inboxes, before it is in them: `python -m pycemaker preview`."""
