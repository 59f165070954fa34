"""The seven stages, YOURS: plain functions that know no orchestrator.

Each takes its own settings section, a workspace and references to what earlier stages wrote,
and returns a dataclass: references to what it wrote, and small values.
"""
