"""The command line of a project, `mlpo-kit VERB`, which the Makefile's targets call."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING, cast

from mlpo_kit.cli.exit_codes import DONE, INTERRUPTED, USAGE
from mlpo_kit.cli.failures import report_failure
from mlpo_kit.cli.output import add_json, write_line, write_message
from mlpo_kit.errors import PipelineError, suggest

if TYPE_CHECKING:
    from mlpo_kit.cli.adapter import Verb

# The verbs by topic. Each verb is the module of the same name in this package.
GROUPS = {
    "Runs": (
        *("run", "sweep", "plan", "table", "runs", "diff", "report"),
        *("track", "keep", "prune"),
    ),
    "Models": ("predict", "serve", "rollback", "ui", "export", "import"),
    "This project": ("graph", "check", "sample-data", "eject", "restore"),
    "Clusters": ("image", "push", "manifests", "validate", "preflight"),
}
VERBS = {
    name: f"mlpo_kit.cli.{name.replace('-', '_')}" for names in GROUPS.values() for name in names
}
USAGE_LINE = "usage: mlpo-kit COMMAND [OPTIONS]\n\nThe command line of a project.\n"
HELP_END = """
`mlpo-kit COMMAND --help` explains a command. mlpo-kit works on the project that contains the
working folder, or on the folder in MLPO_KIT_PROJECT. With --json a command prints one JSON document
to stdout; everything else goes to stderr.

Exit codes: 0 done, 1 failed, 2 usage error, 3 internal error, 75 preempted (run the command again
to resume), 130 interrupted. MLPO_KIT_DEBUG=1 shows tracebacks."""


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns the exit code.

    Without `arguments` it is the command of this process, which a run replaces.
    """
    owns_process = arguments is None
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = _run(arguments, owns_process)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        return report_failure(error, wants_json="--json" in arguments)
    return code


def _run(arguments: list[str], owns_process: bool) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        write_line(format_help())
        return DONE if arguments else USAGE
    name, *rest = arguments
    if name.startswith("-"):
        write_message(f"error: name a command before {name}: `mlpo-kit --help` lists them")
        return USAGE
    if owns_process:
        from mlpo_kit.cli import snapshot

        if name in snapshot.VERBS:
            snapshot.work_from_snapshot(name, rest)
    module = _find_verb(name)
    if module is None:
        return USAGE
    parser = argparse.ArgumentParser(
        prog=f"mlpo-kit {name}",
        description=f"{module.HELP[:1].upper()}{module.HELP[1:]}.",
        allow_abbrev=False,  # an option unknown here may be the orchestrator's
    )
    module.add_arguments(parser)
    if parser.get_default("resumes"):
        from mlpo_kit.cli.options import add_require_promotion

        add_require_promotion(parser)
        add_json(parser)
    chosen, unknown = parser.parse_known_args(rest)
    if unknown and not getattr(chosen, "accepts_extra_arguments", False):
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    chosen.extra_arguments = unknown
    if parser.get_default("resumes"):
        return _resume(module, chosen)
    return module.run(chosen)


def _resume(module: Verb, chosen: argparse.Namespace) -> int:
    """Let the orchestrator resume a run, then show and prune as the verb `run` does."""
    from mlpo_kit.cli.run import follow_run
    from mlpo_kit.config.settings import load_settings

    settings = load_settings(chosen.profile)
    return follow_run(settings, lambda: module.run(chosen), chosen.require_promotion, chosen.json)


def format_help() -> str:
    """Format the list of all verbs, including those of the project's orchestrator."""
    groups = {title: {name: VERBS[name] for name in names} for title, names in GROUPS.items()}
    orchestrator, adapter_verbs = _list_adapter_verbs()
    if adapter_verbs:
        groups[f"{orchestrator.capitalize()} only"] = adapter_verbs
    width = max(len(name) for names in groups.values() for name in names)
    lines = [USAGE_LINE]
    for title, names in groups.items():
        lines.append(f"{title}:")
        lines += [f"  {name:<{width}}  {_import(module).HELP}" for name, module in names.items()]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n" + HELP_END


def _find_verb(name: str) -> Verb | None:
    """Import the verb's module; for an unknown verb, write a message and return None."""
    if name in VERBS:
        return _import(VERBS[name])
    _, adapter_verbs = _list_adapter_verbs()
    if name in adapter_verbs:
        return _import(adapter_verbs[name])
    hint = suggest(name, [*VERBS, *adapter_verbs]) or ": `mlpo-kit --help` lists the commands"
    write_message(f"error: there is no command {name!r}{hint}")
    return None


def _list_adapter_verbs() -> tuple[str, dict[str, str]]:
    """Return the project's orchestrator and the modules of its own verbs, by verb.

    Both are empty outside a project.
    """
    from mlpo_kit.cli.adapter import load_adapter
    from mlpo_kit.config.project import find_project

    try:
        return find_project().orchestrator, dict(load_adapter().VERBS)
    except PipelineError:
        return "", {}


def _import(module: str) -> Verb:
    return cast("Verb", import_module(module))


if __name__ == "__main__":
    sys.exit(main())
