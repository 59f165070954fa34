"""How long `mlpo new` takes, whole process, against the `copier copy` command and its peers.

    python benchmarks/new.py [ROUNDS] [--peer NAME=COMMAND ...]

Copier gets the very template and answers that mlpo gives it, and both trees must be the same. The
commands take turns, so that a busy machine slows all of them; printed are medians, of seconds by
the clock and of processor seconds, which a busy machine changes less, and their ratio to `copier
copy` (goal: at most 1.3). Everything is byte-compiled before. A peer's COMMAND is run
by a shell in an empty folder; install peers into environments of their own. Offline, for example:

    --peer 'kedro=/tmp/k/bin/kedro new --name team-a --tools none --example n --telemetry no'
    --peer 'ccds=/tmp/c/bin/ccds --no-input /tmp/cookiecutter-data-science'
    --peer 'zenml=echo | /tmp/z/bin/zenml init --template /tmp/starter --template-with-defaults'

At the end: where the time goes, by the modules that take longest to import.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
Times = tuple[float, float]  # seconds by the clock, processor seconds
NEW = ["new", "team-a", "--orchestrator", "metaflow", "--json"]


def main(rounds: int, peers: Mapping[str, str]) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compileall.compile_dir(ROOT / "src" / "mlpo_cli", quiet=1)
        template, answers, digest = _as_copier_sees_it(folder)
        copier = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults"]
        commands = {
            "copier copy": [*copier, "--data-file", str(answers), str(template), "team-a"],
            "mlpo new": [sys.executable, "-m", "mlpo_cli", *NEW],
            **{peer: ["sh", "-c", command] for peer, command in peers.items()},
        }
        taken = _take_turns(commands, rounds, folder, digest)
        print(f"whole process, medians of {rounds}:  by the clock        processor")
        for command, times in taken.items():
            columns = [_column(times, taken["copier copy"], which) for which in (0, 1)]
            print(f"  {command:<26} {'   '.join(columns)}")
        _imports("mlpo new", commands["mlpo new"], folder / "imports-mlpo")
        _imports("copier copy", commands["copier copy"], folder / "imports-copier")


def _column(times: Sequence[Times], base: Sequence[Times], which: int) -> str:
    """One median in milliseconds, and its ratio to that of the base."""
    median, first = (statistics.median(time[which] for time in one) for one in (times, base))
    return f"{median * 1000:6.0f} ms {median / first:5.2f}x"


def _as_copier_sees_it(folder: Path) -> tuple[Path, Path, str]:
    """The template and the answers that mlpo hands to copier, and the hash of what comes out."""
    import copier

    from mlpo_cli.scaffold.place import hash_tree, list_files

    template, answers, made = folder / "template", folder / "answers.yml", folder / "made"
    original = copier.run_copy
    digests = []

    def spy(source: str, target: Any, data: dict[str, Any], **options: Any) -> object:
        shutil.copytree(source, template)
        answers.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        result = original(source, target, data=data, **options)
        # Now, as mlpo adds the library's wheel and a record of what it has generated.
        digests.append(hash_tree(Path(target), list_files(Path(target))))
        return result

    copier.run_copy = spy  # type: ignore[assignment]  # before mlpo imports it
    from mlpo_cli.answers.project import ProjectSettings
    from mlpo_cli.scaffold import Provenance, generate

    settings = ProjectSettings("team-a", "team_a", "metaflow")
    generate(settings, made, "", Provenance("", "", {}, {}))
    return template, answers, digests[0]


def _take_turns(
    commands: Mapping[str, Sequence[str]], rounds: int, folder: Path, digest: str
) -> dict[str, list[Times]]:
    """The times of each command in each round but the first, which only warms up."""
    from mlpo_cli.scaffold.place import hash_tree, list_files

    taken: dict[str, list[Times]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            target = folder / f"{name.replace(' ', '-')}-{number}"
            target.mkdir()
            clock, processor = time.perf_counter(), _processor()
            done = subprocess.run(command, cwd=target, capture_output=True, text=True, check=False)
            taken[name].append((time.perf_counter() - clock, _processor() - processor))
            if done.returncode:
                sys.exit(f"{name} failed:\n{done.stdout}{done.stderr}")
            if name == "copier copy":
                project = target / "team-a"
                assert hash_tree(project, list_files(project)) == digest, "not the same project"
            shutil.rmtree(target)
    return {name: times[1:] for name, times in taken.items()}


def _processor() -> float:
    """Processor seconds of all commands so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _imports(name: str, command: list[str], target: Path) -> None:
    """The modules that take longest to import, with all that they import, in milliseconds."""
    target.mkdir()
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(
        command, cwd=target, env=environment, capture_output=True, text=True, check=True
    )
    found = re.findall(r"^import time:\s+\d+ \|\s+(\d+) \| (\s*)(\S+)$", done.stderr, re.M)
    slowest = sorted(((int(us), module) for us, _, module in found), reverse=True)[:16]
    total = sum(int(us) for us, depth, _ in found if not depth)
    print(f"imports of {name}: {total / 1000:.0f} ms in all (while being timed); the longest:")
    print("  " + json.dumps({module: round(us / 1000) for us, module in slowest}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("rounds", nargs="?", type=int, default=11)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    return parser.parse_args()


if __name__ == "__main__":
    given = _arguments()
    main(given.rounds, dict(peer.split("=", 1) for peer in given.peer))
