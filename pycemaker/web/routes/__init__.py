"""The routes, each group as one function that adds it to the app."""
