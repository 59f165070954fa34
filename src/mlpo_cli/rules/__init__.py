"""Load the rules from YAML, and check them: a wrong cell is a wrong answer."""

from mlpo_cli.rules.load import load

__all__ = ["load"]
