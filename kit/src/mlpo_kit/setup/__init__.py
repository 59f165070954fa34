"""Set up a project: its environment, its lock files, and its copy of the kit.

Runs on a bare Python from the wheel in the project's vendor/, so these modules import only the
standard library and each other. Container images install their packages with a copy of this folder
only, so that other changes to the kit do not invalidate that image layer.
"""
