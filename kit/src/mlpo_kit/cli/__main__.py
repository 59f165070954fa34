"""The command line of a project: `mlpo-kit VERB`, which `make` calls.

Exit codes: 0 done, 1 it could not be done, 2 usage, 3 our own error, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import cast

from mlpo_kit.cli.adapter import Verb, load_adapter
from mlpo_kit.errors import PipelineError

# Each is the module of the same name beside this one.
VERBS = (
    "run",
    "sweep",
    "plan",
    "table",
    "report",
    "serve",
    "predict",
    "prune",
    "keep",
    "rollback",
    "sample-data",
    "graph",
    "check",
    "image",
    "push",
    "manifests",
    "validate",
    "preflight",
)


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="mlpo-kit", description=(__doc__ or "").split("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    modules = {name: _import_verb(name) for name in VERBS}
    modules |= {name: _import(module) for name, module in _list_own_verbs(arguments).items()}
    for name, module in modules.items():
        module.add_arguments(verbs.add_parser(name, help=module.HELP, description=module.HELP))
    chosen, more = parser.parse_known_args(arguments)
    if more and not getattr(chosen, "takes_more", False):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    chosen.more = more
    return modules[chosen.verb].run(chosen)


def _list_own_verbs(arguments: list[str]) -> dict[str, str]:
    """The verbs of the project's orchestrator. Outside a project, those that all have are there."""
    try:
        return dict(load_adapter().VERBS)
    except PipelineError:
        if arguments[:1] and arguments[0] not in (*VERBS, "-h", "--help"):
            raise
        return {}


def _import_verb(name: str) -> Verb:
    return _import(f"mlpo_kit.cli.{name.replace('-', '_')}")


def _import(module: str) -> Verb:
    return cast(Verb, import_module(module))


if __name__ == "__main__":
    sys.exit(main())
