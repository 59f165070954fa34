"""Act out histories of a store, and check after each that retention kept what it must.

Store, registry, records, cache and prune are real; the stages only write small files, to be fast.
Each store also contains the files of an older project.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from history_parts import (
    DAY,
    RESULTS,
    SIZES,
    Crash,
    Fragile,
    find_references,
    get_end,
    hash_text,
    make_earlier,
    read_older,
    read_raw_records,
    write_payload,
)
from mlflow.entities import ViewType

from mlpo_kit.config.documents import merge
from mlpo_kit.config.settings import check_settings, parse_profile
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.inprocess import collect_inputs
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.models.registry import open_registry
from mlpo_kit.retention import prune
from mlpo_kit.retention.marks import keep_run
from mlpo_kit.runs.pipeline import Stage, load_pipeline
from mlpo_kit.runs.workspace import Run, Workspace
from mlpo_kit.store import open_store

RUN, PARENT = "mlpo.run", "mlflow.parentRunId"
REPLACED = (*SIZES, "deploy")  # stages whose work is replaced; `register` is the project's own
GOOD = ("completed", "reused")


def is_old(path: Path) -> bool:
    """Whether a file is older than an hour."""
    return path.stat().st_mtime < time.time() - 3600


def ensure_experiment(client: Any, name: str, folder: Path) -> str:
    """Return the id of an experiment whose files go to the registry in `folder`."""
    experiment = client.get_experiment_by_name(name)
    location = (folder / "registry" / "artifacts").as_uri()
    return str(
        experiment.experiment_id
        if experiment
        else client.create_experiment(name, artifact_location=location)
    )


class World:
    """One store with its registry, and what happens to it."""

    def __init__(self, folder: Path, template: Path, policy: dict[str, Any]) -> None:
        shutil.copytree(template, folder, dirs_exist_ok=True)
        self.folder = folder
        self.policy = policy
        self.number = 0
        self.first: dict[str, int] = {}  # the seeds of the first run
        self.fails = ""  # the stage that fails
        self.tagged: set[str] = set()  # runs that are marked in the orchestrator
        self.forgotten: set[str] = set()  # runs that the orchestrator was asked to forget
        self.in_flight: dict[str, Iterator[str]] = {}
        self.removed: set[str] = set()  # runs that were deleted by hand
        self.spoilt: set[str] = set()  # files that were deleted or truncated by hand
        self.pipeline = load_pipeline()
        self.names = self.pipeline.names
        self.older = read_older(folder)
        self.registry = open_registry(self.settings())

    # Events

    def run(
        self,
        fail: str = "",
        stop: int = 99,
        cache: bool = True,
        refuse: bool = False,
        **seeds: int,
    ) -> str | None:
        """Start a run; returns None if it fails. After `stop` stages it pauses, in flight."""
        self.number += 1
        self.first = self.first or seeds
        settings = self.settings(0.99 if refuse else 0.0, **seeds)
        run = Run(f"r{self.number}", "test", settings, use_cache=cache)
        steps = self.steps(run)
        self.fails = fail
        try:
            for _ in range(stop):
                if next(steps, None) is None:
                    return run.id
        except PipelineError:
            return None
        finally:
            self.fails = ""
            self.track(run.id, sorted(seeds.items()))
        self.in_flight[run.id] = steps
        return run.id

    def finish(self) -> None:
        """Continue the first paused run to its end, which must succeed."""
        for run_id in list(self.in_flight)[:1]:
            for _ in self.in_flight.pop(run_id):
                pass
            self.track(run_id)

    def track(self, run_id: str, source: object = None) -> None:
        """Note the snapshot of `source` for a run, and track the run and a trial in MLflow."""
        if source is not None:
            sha256 = f"{hash_text(str(source)):064x}"
            self.store.write(f"snapshots/{sha256}.zip", str(source).encode())
            self.store.write_json(f"runs/{run_id}/run.json", {"snapshot": sha256})
        client = self.registry._client
        tracked = self.list_mlflow_runs()
        for version in client.search_model_versions(f"tags.run_id = '{run_id}'"):
            if tracked.get(version.run_id) == "":  # registered just now
                client.set_tag(version.run_id, RUN, run_id)
                tracked[version.run_id] = run_id
        own = [mlflow_run for mlflow_run, owner in tracked.items() if owner == run_id]
        experiment = ensure_experiment(client, self.registry.name, self.folder)
        for stage in ("", "train-1")[len(own) :]:
            tags = {"mlpo.stage": stage, PARENT: own[0]} if stage else {}
            own.append(client.create_run(experiment, tags={RUN: run_id, **tags}).info.run_id)
        for mlflow_run in own:
            page = self.folder / "registry" / "artifacts" / mlflow_run / "artifacts" / "report.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.touch()

    def end(self, state: str) -> None:
        """End the last paused run in the stage that it was in, with this state."""
        for run_id in list(self.in_flight)[-1:]:
            del self.in_flight[run_id]
            records = self.records(run_id)
            last = records[max(records, key=self.names.index)] if records else None
            if last is not None:
                path = self.folder / "runs" / run_id / f"{last['stage']}.json"
                ended = None if state == "running" else last["ended"]
                path.write_text(json.dumps({**last, "state": state, "ended": ended}))

    def age(self, days: float) -> None:
        """Let days pass."""
        for path in self.folder.rglob("*"):
            if str(path.relative_to(self.folder)) in self.older:
                continue
            is_registry = "registry" in path.parts
            if path.is_file() and not is_registry and not path.name.startswith("."):
                times = path.stat().st_mtime - days * DAY
                if path.suffix == ".json" and path.parts[-3] in ("runs", "cache", "retention"):
                    path.write_text(json.dumps(make_earlier(json.loads(path.read_text()), days)))
                os.utime(path, (times, times))
        for run_id in list(self.in_flight):
            ends = [get_end(record) for record in self.records(run_id).values()]
            if not ends or time.time() - max(ends) > self.policy["max_run_hours"] * 3600 - 60:
                del self.in_flight[run_id]

    def spoil(self, which: int, how: str) -> None:
        """Delete or truncate a file, or delete a run or a record, as a person would by hand."""
        paths = sorted(self.payloads())
        if not paths:
            return
        path = paths[which % len(paths)]
        run_id = path.parts[-3]
        gone = [path]
        if how == "run":
            gone = [p for p in path.parents[1].glob("*/*") if p.is_file()]
            shutil.rmtree(path.parents[1])
            self.removed.add(run_id)
        elif how == "record":
            path.parent.with_suffix(".json").unlink(missing_ok=True)
            gone = []
        elif how == "cut":
            path.write_bytes(path.read_bytes()[:-1])
        else:
            path.unlink()
        self.in_flight.pop(run_id, None)
        self.spoilt |= {str(p.relative_to(self.folder)) for p in gone}
        # A run in flight that needs such a file can't continue; retention is not the cause.
        for other in list(self.in_flight):
            if find_references(self.records(other)) & {str(p) for p in self.spoilt}:
                del self.in_flight[other]

    def mark(self, which: int, how: str) -> None:
        """Mark a run or a version as kept, remove a run's mark, or roll back."""
        ids = sorted(child.name for child in (self.folder / "runs").glob("r*"))
        if ids and how in ("keep", "undo"):
            with contextlib.suppress(PipelineError):  # pruned before, or no record
                keep_run(self.store, ids[which % len(ids)], how == "undo")
        elif ids and how == "tag":
            self.tagged.add(ids[which % len(ids)])
        elif how == "rollback":
            with contextlib.suppress(PipelineError):  # no champion before
                self.registry.rollback(self.store)
        elif versions := self.registry.list_versions():
            number = str(versions[which % len(versions)].number)
            client, name = self.registry._client, self.registry.name
            if how == "alias":
                client.set_registered_model_alias(name, "candidate", number)
            elif how == "version":
                client.set_model_version_tag(name, number, "keep", "yes")

    def checkpoint(self) -> None:
        """Leave the checkpoint of an interrupted training."""
        path = self.folder / "checkpoints" / str(self.number) / "state"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"0" * 3000)

    def prune(self, crash: int | None = None, unreachable: bool = False) -> None:
        """Prune, perhaps with a crash; check that needed files exist and nothing else is left."""
        alive, needed = self.alive()
        tracked = self.list_mlflow_runs()
        waiting = bool(self.in_flight) or any(self.is_fresh(r) for r in self.ids())
        entries = self.entries()

        def forget(_: Any, run_ids: Any) -> None:
            assert not alive & set(run_ids), f"forgot {alive & set(run_ids)}, which are alive"
            if unreachable:
                raise PipelineError("no server")
            self.forgotten |= set(run_ids)

        Fragile.left = crash
        plan = None
        try:
            plan = prune.apply_plan(self.settings(), forget, lambda _: self.tagged)
        except (Crash, PipelineError):
            pass
        finally:
            Fragile.left = None
        for key in needed:
            assert (self.folder / key).is_file(), f"{key} is alive and gone"
        for run_id in alive:
            assert self.records(run_id), f"{run_id} is alive and has no records"
        self.check_tracked_runs(alive, tracked)
        if waiting:
            left = self.entries()
            assert entries == left, f"a run is in flight and {entries - left} went"
        assert read_older(self.folder) == self.older, "what an older project wrote was touched"
        if plan is not None:
            self.check(plan, waiting)

    # Checks

    def check(self, plan: Any, waiting: bool) -> None:
        """Check that cache, registry and disk agree, and that no file is left without need."""
        for entry in self.entries():
            for ref in json.loads(entry.read_text())["outputs"].values():
                path = self.folder / ref["uri"].removeprefix("store://")
                whole = path.is_file() and path.stat().st_size == ref["size"]
                assert waiting or whole, f"{entry} names {path}, which is not there"
        held = self.held()
        for version in self.registry.list_versions():
            path = self.folder / version.model.key
            whole = path.is_file() and path.stat().st_size == version.model.size
            lost = not whole and version.number in held  # reported as a problem
            assert lost or version.is_pruned != whole, f"{version} and its weights: {whole}"
        gone = {f"r{number + 1}" for number in range(self.number)} - set(self.ids())
        unknown = gone - self.removed - self.forgotten
        assert not unknown, f"the orchestrator was never asked to forget {unknown}"
        known = {*self.ids(), *self.removed, ""}
        tracked = self.list_mlflow_runs()
        left = {*tracked.values()} - known
        assert not left, f"the tracked runs of {left} are left"
        files = {path.name for path in (self.folder / "registry" / "artifacts").glob("*")}
        assert files <= tracked.keys(), f"files of tracked runs are left: {files - tracked.keys()}"
        snapshots = {path for path in (self.folder / "snapshots").glob("*") if is_old(path)}
        named = {path for path in snapshots if self.is_named(path)}
        assert snapshots == named, f"{snapshots - named} is left and no run names it"
        again = prune.plan_prune(self.settings(), lambda _: self.tagged)
        assert again.is_empty, f"after a prune there is more to do: {again}"
        if waiting:
            return
        alive, _ = self.alive()
        kept = {run.run_id for run in plan.runs if run.kept}
        needed = {
            "/".join(key.split("/")[:3]) for key in self.reach(alive | kept) | set(held.values())
        }
        there = {"/".join(p.relative_to(self.folder).parts[:3]) for p in self.payloads()}
        assert there <= needed, f"{there - needed} is left and nothing needs it"
        files = [*self.payloads(), *(self.folder / "checkpoints").rglob("state")]
        size = sum(path.stat().st_size for path in files)
        fits = size <= self.policy["max_gib"] * 2**30
        assert fits or any("max_gib" in problem for problem in plan.problems), f"{size} bytes"

    def check_tracked_runs(self, alive: set[str], before: dict[str, str]) -> None:
        """Check the snapshots, and the tracked runs of alive runs and of versions with weights."""
        for path in self.named_snapshots():
            assert path.is_file(), f"{path} is named and gone"
        left = self.list_mlflow_runs()
        lost = {before[mlflow_run] for mlflow_run in before.keys() - left.keys()}
        assert not lost & {*alive, ""}, f"tracked runs of {lost} are alive and gone"
        client, name = self.registry._client, self.registry.name
        for version in client.search_model_versions(f"name = '{name}'"):
            path = self.folder / version.tags["uri"].removeprefix("store://")
            if path.is_file():
                assert version.tags["run_id"] in left.values(), f"the run of {version} is gone"
        for mlflow_run in [key for key, run_id in left.items() if run_id in alive]:
            folder = self.folder / "registry" / "artifacts" / mlflow_run
            assert any(folder.glob("artifacts/*")), f"the files in {folder} are gone"

    def list_mlflow_runs(self) -> dict[str, str]:
        """Return the run of each MLflow run, by its id; empty for one of an older project."""
        client = self.registry._client
        ids = [experiment.experiment_id for experiment in client.search_experiments()]
        runs = client.search_runs(ids, "", ViewType.ALL, max_results=10_000)
        return {run.info.run_id: run.data.tags.get(RUN, "") for run in runs}

    def is_named(self, snapshot: Path) -> bool:
        notes = (self.folder / "runs").glob("r*/run.json")
        return any(json.loads(path.read_text())["snapshot"] == snapshot.stem for path in notes)

    def named_snapshots(self) -> set[Path]:
        """List the snapshots that runs name which no prune has pruned."""
        notes = [self.folder / "runs" / r / "run.json" for r in self.ids() if not self.is_dead(r)]
        names = [json.loads(path.read_text())["snapshot"] for path in notes if path.is_file()]
        return {self.folder / "snapshots" / f"{name}.zip" for name in names}

    def alive(self) -> tuple[set[str], set[str]]:
        """Return the runs that must be kept at any age and size, and the files that must stay."""
        ends = {
            run_id: max(map(get_end, records.values()), default=0.0)
            for run_id in self.ids()
            if (records := self.records(run_id)) and not self.is_dead(run_id)
        }
        order = sorted(ends, key=lambda run_id: (ends[run_id], run_id))
        green = [run_id for run_id in order if self.status(run_id) == "completed"]
        week = time.time() - self.policy["keep_failed_days"] * DAY + 60
        alive = {*order[-1:], *green[-self.policy["keep_last"] :], *self.in_flight}
        alive |= {r for r in order if self.status(r) != "completed" and ends[r] > week}
        alive |= {r for r in self.ids() if (self.folder / "runs" / r / "keep").exists()}
        alive |= self.tagged & set(self.ids())
        alive |= {run_id for run_id in self.ids() if self.is_fresh(run_id)}
        needed = self.reach(alive) | set(self.held().values())
        return alive, {key for key in needed if (self.folder / key).is_file()}

    def held(self) -> dict[int, str]:
        """Return the keys of the weights that must be kept, by version number."""
        client, name = self.registry._client, self.registry.name
        versions = {int(v.version): v for v in client.search_model_versions(f"name = '{name}'")}
        if not versions:
            return {}
        model = client.get_registered_model(name)
        numbers = {int(number) for number in model.aliases.values()}
        numbers |= set(sorted(versions)[-self.policy["keep_versions"] :])
        numbers |= {number for number in versions if "keep" in versions[number].tags}
        history = [int(n) for n in model.tags.get("champion_history", "").split(",") if n]
        if "champion" in model.aliases:
            champion = int(model.aliases["champion"])
            place = len(history) - 1 - history[::-1].index(champion)
            numbers |= set(history[place - 1 : place]) if place else set()
        return {n: versions[n].tags["uri"].removeprefix("store://") for n in numbers}

    def records(self, run_id: str) -> dict[str, dict[str, Any]]:
        return read_raw_records(self.folder / "runs" / run_id)

    def ids(self) -> list[str]:
        return sorted(child.name for child in (self.folder / "runs").glob("r*"))

    def status(self, run_id: str) -> str:
        states = [record["state"] for record in self.records(run_id).values()]
        if set(states) - {*GOOD}:
            return "failed"
        return "completed" if len(states) == len(self.names) else "incomplete"

    def is_fresh(self, run_id: str) -> bool:
        """Whether the next stage of the run may start soon."""
        records = self.records(run_id)
        limit = time.time() - self.policy["max_run_hours"] * 3600
        fresh = any(get_end(record) > limit for record in records.values())
        return self.status(run_id) == "incomplete" and fresh and not self.is_dead(run_id)

    def is_dead(self, run_id: str) -> bool:
        """Whether an earlier prune has pruned the run."""
        stone = self.folder / "retention" / "pruned" / f"{run_id}.json"
        return stone.exists()

    def reach(self, run_ids: set[str]) -> set[str]:
        """Find the files that runs wrote or reused."""
        own = {
            str(path.relative_to(self.folder))
            for run_id in run_ids
            for path in (self.folder / "runs" / run_id).glob("*/*")
        }
        return own.union(*(find_references(self.records(run_id)) for run_id in run_ids))

    def payloads(self) -> list[Path]:
        return [path for path in (self.folder / "runs").glob("r*/*/*") if path.is_file()]

    def entries(self) -> set[Path]:
        """List the cache entries, without those of the older project."""
        paths = set((self.folder / "cache").glob("*/*.json"))
        return {path for path in paths if str(path.relative_to(self.folder)) not in self.older}

    # The pipeline

    @property
    def store(self) -> Any:
        return open_store(self.settings())

    def settings(self, bound: float = 0.0, **seeds: int) -> Any:
        sections = {
            "storage_root": str(self.folder),
            "retention": self.policy,
            "register": {"min_accuracy": bound, "max_regression": 1.0},
            "preprocess": {"test_share": 0.2 + seeds.get("data", 0) / 100},
            "train": {"seed": seeds.get("seed", 0)},
        }
        return check_settings(merge(parse_profile(""), sections))

    def steps(self, run: Run) -> Iterator[str]:
        """Run the stages one by one; stops after a refusal."""
        results: dict[str, Any] = {}
        for stage in self.pipeline.values():
            body = stage.with_function(self.body(stage)) if stage.name in REPLACED else stage
            result = run_stage(run, body, **collect_inputs(stage, results))
            results[stage.name] = result
            verdict = getattr(result, "verdict", None)
            if verdict is not None and not verdict.is_passed:
                raise PipelineError(verdict.reason)
            if stage.name != self.names[-1]:
                yield stage.name

    def body(self, stage: Stage[Any]) -> Any:
        """Replace the stage's work: write files whose content depends on settings and inputs."""

        def make(section: Any, work: Workspace, **inputs: Any) -> Any:
            if self.fails == stage.name:
                raise PipelineError("made to fail")
            for ref in inputs.values():
                if hasattr(ref, "sha256"):
                    work.open(ref)
            if stage.name == "deploy":
                self.registry.promote(inputs["version"])
                return stage.result(alias="champion", version=inputs["version"])
            values = RESULTS[stage.name](lambda name: write_payload(work, name, section, inputs))
            handed_on = {name: inputs[name] for name in stage.outputs if name in inputs}
            return stage.result(**values, **handed_on)

        make.__module__ = stage.module
        return make


def act(history: dict[str, Any], folder: Path, template: Path) -> str | None:
    """Act out a history; returns the first error, or None."""
    world = World(folder, template, history["policy"])
    try:
        for name, arguments in history["events"]:
            getattr(world, name)(**arguments)
        world.prune()
        while world.in_flight:
            world.finish()
        # Train two other models, wait a month, and train the first one again.
        for seeds in ({"seed": 8}, {"seed": 9}, world.first):
            assert world.run(**seeds) is not None, "the next run is not green"
            assert world.status(f"r{world.number}") == "completed", "the next run is not green"
            world.prune()
            champion = world.registry.champion()
            assert champion is not None, "there is no champion"
            assert not champion.is_pruned, "the champion is marked as pruned"
            world.store.check(champion.model)
            if seeds == {"seed": 9}:
                world.age(31)
                world.prune()
    except Exception as error:
        return f"{error}\n{traceback.format_exc(limit=-4)}"
    return None
