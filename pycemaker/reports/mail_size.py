"""The largest sizes of a mail: of its HTML, its style sheet, and the whole message with its attachments."""

HTML_BYTES = 95_000
"""Gmail clips HTML above some 102 KB."""

STYLE_CHARACTERS = 8_192
"""Gmail drops a longer style sheet (hteumeuleu/email-bugs)."""

MESSAGE_BYTES = 20_000_000
"""Several servers refuse messages above 20 to 25 MB."""
