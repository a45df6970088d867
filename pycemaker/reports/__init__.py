"""A report: notebook, page, figures stored, mail."""
