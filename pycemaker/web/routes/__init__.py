"""The routes: a module for each group, with a function that adds the group to the app."""
