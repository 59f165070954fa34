"""The command line of a project: one verb, one file."""
