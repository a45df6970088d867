"""Tools for operators and authors of notebooks: the doctor, the preview, the notebook checks."""
