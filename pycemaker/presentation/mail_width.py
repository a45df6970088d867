"""The mail's width, from which templates, figures, pictures and the lint take theirs. In CSS pixels."""

MAIL_WIDTH = 600  # The whole mail: what every mail program shows without scrolling sideways
MARGIN = 20  # The blank on either side of text and figures
CONTENT_WIDTH = MAIL_WIDTH - 2 * MARGIN  # Text and figures: what a figure is drawn for
