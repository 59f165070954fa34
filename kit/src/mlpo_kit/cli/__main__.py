"""The command line of a project: `mlpo-kit VERB`, which `make` calls."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import cast

from mlpo_kit.cli.adapter import Verb, load_adapter
from mlpo_kit.cli.exit_codes import DONE, INTERRUPTED, USAGE
from mlpo_kit.cli.failures import report_failure
from mlpo_kit.cli.options import add_require_promotion
from mlpo_kit.cli.output import add_json, write_line, write_message
from mlpo_kit.errors import PipelineError, suggest

# By what they are about. Each is the module of the same name beside this one.
GROUPS = {
    "Runs": ("run", "sweep", "plan", "table", "report", "keep", "prune"),
    "Models": ("predict", "serve", "rollback"),
    "This project": ("graph", "check", "sample-data", "eject", "restore"),
    "Clusters": ("image", "push", "manifests", "validate", "preflight"),
}
VERBS = {
    name: f"mlpo_kit.cli.{name.replace('-', '_')}" for names in GROUPS.values() for name in names
}
USAGE_LINE = "usage: mlpo-kit VERB [OPTIONS]\n\nThe command line of a project.\n"
HELP_END = """
`mlpo-kit VERB --help` explains one. Run it anywhere in a project; MLPO_KIT_PROJECT names another.
With --json a verb answers in one document on stdout, and all else goes to stderr.

Exit codes: 0 done, 1 it could not be done, 2 usage, 3 our own error, 75 preempted (try again: it
goes on where it was), 130 interrupted. MLPO_KIT_DEBUG=1 shows tracebacks."""


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = _run(given)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        return report_failure(error, wants_json="--json" in given)
    return code


def _run(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help", "help"):
        write_line(format_help())
        return DONE if given else USAGE
    name, *rest = given
    if name.startswith("-"):
        write_message(f"error: the verb comes first, and then {name}: `mlpo-kit --help` lists them")
        return USAGE
    module = _find_verb(name)
    if module is None:
        return USAGE
    parser = argparse.ArgumentParser(
        prog=f"mlpo-kit {name}",
        description=f"{module.HELP[:1].upper()}{module.HELP[1:]}.",
        allow_abbrev=False,  # what is not ours may be the orchestrator's
    )
    module.add_arguments(parser)
    if parser.get_default("resumes"):
        add_require_promotion(parser)
        add_json(parser)
    chosen, more = parser.parse_known_args(rest)
    if more and not getattr(chosen, "takes_more", False):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    chosen.more = more
    if parser.get_default("resumes"):
        return _resume(module, chosen)
    return module.run(chosen)


def _resume(module: Verb, chosen: argparse.Namespace) -> int:
    """Let an orchestrator resume a run, and end as `run` does."""
    from mlpo_kit.cli.run import follow_run
    from mlpo_kit.config.settings import load_settings

    settings = load_settings(chosen.profile)
    return follow_run(settings, lambda: module.run(chosen), chosen.require_promotion, chosen.json)


def format_help() -> str:
    """Format the list of the verbs, those of the project's orchestrator among them."""
    groups = {title: {name: VERBS[name] for name in names} for title, names in GROUPS.items()}
    orchestrator, own = _list_own_verbs()
    if own:
        groups[f"{orchestrator.capitalize()} only"] = own
    width = max(len(name) for names in groups.values() for name in names)
    lines = [USAGE_LINE]
    for title, names in groups.items():
        lines.append(f"{title}:")
        lines += [f"  {name:<{width}}  {_import(module).HELP}" for name, module in names.items()]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n" + HELP_END


def _find_verb(name: str) -> Verb | None:
    """The verb's module; None after a message where there is none."""
    if name in VERBS:
        return _import(VERBS[name])
    _, own = _list_own_verbs()
    if name in own:
        return _import(own[name])
    hint = suggest(name, [*VERBS, *own]) or ": `mlpo-kit --help` lists them"
    write_message(f"error: there is no verb {name!r}{hint}")
    return None


def _list_own_verbs() -> tuple[str, dict[str, str]]:
    """The project's orchestrator, and its own verbs by the module of each; none outside of one."""
    from mlpo_kit.config.project import find_project

    try:
        return find_project().orchestrator, dict(load_adapter().VERBS)
    except PipelineError:
        return "", {}


def _import(module: str) -> Verb:
    return cast(Verb, import_module(module))


if __name__ == "__main__":
    sys.exit(main())
