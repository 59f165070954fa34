"""How long one mlpo command takes, whole process, against a bare Typer app and its peers.

    python benchmarks/startup.py [ROUNDS]

The commands take turns, so that a busy machine slows all of them; what is printed are medians and
their ratio to the `--help` of a two-command app as Typer makes it (goals: at most 1.3 for --version
and --help, at most 2 for a recommendation). The same app with plain help, as mlpo's is, stands
beside it. Everything is byte-compiled before. At the end the engine alone, 2,000 draws.
"""

from __future__ import annotations

import compileall
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ANSWERS = str(ROOT / "examples" / "startup.yaml")
PEERS = ("copier", "cookiecutter", "kedro", "zenml", "kfp")
BARE = """
import typer
app = typer.Typer({settings})
@app.command()
def one(name: str = "x") -> None:
    "The first."
@app.command()
def two(name: str = "x") -> None:
    "The second."
app()
"""


def main(rounds: int = 21) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare"
        bare.mkdir()
        (bare / "__init__.py").touch()
        plain = "add_completion=False, rich_markup_mode=None"
        for name, settings in (("app", ""), ("plain", plain)):
            code = BARE.replace("{settings}", settings)
            (bare / f"{name}.py").write_text(code, encoding="utf-8")
        compileall.compile_dir(folder, quiet=1)
        compileall.compile_dir(ROOT / "src" / "mlpo_cli", quiet=1)
        mlpo = [sys.executable, "-m", "mlpo_cli"]
        commands = {
            "bare Typer app --help": [sys.executable, "-m", "bare.app", "--help"],
            "the same, plain help": [sys.executable, "-m", "bare.plain", "--help"],
            "mlpo --version": [*mlpo, "--version"],
            "mlpo --help": [*mlpo, "--help"],
            "mlpo recommend --format json": [
                *mlpo, "recommend", "--answers", ANSWERS, "--format", "json",
            ],
        }  # fmt: skip
        peers = {peer: found for peer in PEERS if (found := _executable(peer))}
        commands |= {f"{peer} --help": [path, "--help"] for peer, path in peers.items()}
        medians = _medians(commands, rounds, folder)
    base = medians["bare Typer app --help"]
    print(f"whole process, median of {rounds}:")
    for name, seconds in medians.items():
        print(f"  {name:<30} {seconds * 1000:7.0f} ms  {seconds / base:5.2f}x")
    for peer in PEERS:
        if peer not in peers:
            print(f"  {peer + ' --help':<30} not installed")
    _engine(rounds)


def _executable(name: str) -> str | None:
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def _medians(commands: dict[str, list[str]], rounds: int, folder: str) -> dict[str, float]:
    """The median seconds of each command; the first round only warms up."""
    environment = {**os.environ, "PYTHONPATH": folder}
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            subprocess.run(command, env=environment, check=True, capture_output=True)
            taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}


def _engine(rounds: int) -> None:
    """Reading the rules, and deciding: the first time, and again with the noise drawn already."""
    from mlpo_cli import rules
    from mlpo_cli.decision.engine import decide
    from mlpo_cli.resources import rules_dir
    from mlpo_cli.yamlmap import parse_yaml

    answers = parse_yaml(Path(ANSWERS).read_text(encoding="utf-8"), ANSWERS).data["criteria"]
    loaded = rules.load(rules_dir())

    def ms(work: object) -> float:
        started = time.perf_counter()
        work()  # type: ignore[operator]
        return (time.perf_counter() - started) * 1000

    first = ms(lambda: decide(loaded, answers))
    again = statistics.median(ms(lambda: decide(loaded, answers)) for _ in range(rounds))
    reading = statistics.median(ms(lambda: rules.load(rules_dir())) for _ in range(5))
    draws = loaded.policy.confidence.draws
    print(f"engine, {draws:,} draws: {first:.0f} ms the first time, {again:.0f} ms again;")
    print(f"reading the rules: {reading:.0f} ms")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
