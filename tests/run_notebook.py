"""Run the code cells of a notebook in order, and print what they print and show.

    python run_notebook.py NOTEBOOK

It does what a kernel does, as far as the examples need it, in an environment without Jupyter.
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any


def run_cell(source: str, name: str, variables: dict[str, Any]) -> None:
    """Run a cell; the value of an expression at its end is shown, as HTML if it can be."""
    tree = ast.parse(source, name)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), variables)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), name, "eval"), variables)
        if value is not None:
            shown = value._repr_html_() if hasattr(value, "_repr_html_") else repr(value)
            sys.stdout.write(f"{shown}\n")


def main() -> None:
    """Run the notebook that the command line names."""
    notebook = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    variables: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            run_cell("".join(cell["source"]), f"cell {number}", variables)


if __name__ == "__main__":
    main()
