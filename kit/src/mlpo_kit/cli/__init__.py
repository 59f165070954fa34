"""The command line of a project: each verb is a module of this package."""
