"""Looks at everything that a report needs, and says how to mend what is wrong."""
