"""A period as readers see it: figures, tables, the display verbs of the cells."""
