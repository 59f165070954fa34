"""Set up a project: its environment, its locks, and where the kit itself comes from.

Runs on a bare Python, out of the wheel in the project's vendor/: nothing here imports anything but
the standard library and its neighbours. The image's packages are installed by a copy of this folder
alone, so that they are built anew when it changes, and not with every other change of the kit.
"""
