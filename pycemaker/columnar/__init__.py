"""Turns batches of BSON into columns of numbers and JSON rows: the one decoder made by hand."""
