"""Load the rules from YAML files and check them: a wrong score gives a wrong recommendation."""

from mlpo_cli.rules.load import load

__all__ = ["load"]
