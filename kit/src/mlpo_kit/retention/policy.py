"""The retention policy: decide from facts which files are kept, and make a plan.

Pure: it reads neither disk nor clock. A run reaches its own places and, through the cache, places
of other runs; a registered version reaches the place of its weights. A place stays as long as a
kept run or a held version reaches it.

The records of a run and its tracked run stay as long as one of its places, or a version with
weights that names it. A snapshot stays as long as the records of a run that started from it, and
what was not sent to MLflow yet can be sent as long as the records of its run stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_kit.retention.facts import Facts, Place, Plan, RunFacts, Verdict, VersionFacts

if TYPE_CHECKING:
    from mlpo_kit.config.sections import RetentionSettings

DAY, HOUR, GIB = 86400, 3600, 2**30
YOUNG = HOUR  # what is younger may be of a run that is starting and has no record yet
WITHOUT_RECORD = ("lost", "starting")


def make_plan(
    facts: Facts,
    policy: RetentionSettings,
    cache_days: float,
    now: float,
    due: Collection[Place] | None = None,
) -> Plan:
    """Plan what is deleted and what is kept, with a reason for each run.

    Cache entries older than `cache_days` are deleted. With `due`, only those places are deleted
    now, and a run that would lose other places is kept for now.
    """
    in_flight = [run.id for run in facts.runs if _is_in_flight(run, policy, now)]
    held = _find_held_versions(facts, policy)
    checkpoints = {
        key
        for key, modified in facts.checkpoints.items()
        if modified < now - policy.keep_failed_days * DAY
    }
    decisions = _decide_runs(facts.runs, policy, set(in_flight), now)
    needed = Counter(place for run in facts.runs if decisions[run.id].kept for place in _reach(run))
    needed.update(version.place for version in held if version.place)
    size = sum(n for key, n in facts.checkpoint_sizes.items() if key not in checkpoints)
    problems = _fit_budget(facts.runs, decisions, needed, size, policy)

    if in_flight:  # these runs may be about to use the outputs of cache entries
        cached = {place for entry in facts.entries for place in entry.places}
        why = f"kept until run {in_flight[0]} ends"
        _postpone(facts.runs, decisions, needed, cached, why)
    gone = _find_unneeded(facts.runs, decisions, needed)
    planned = set(gone)
    while due is not None and not gone <= set(due):
        _postpone(facts.runs, decisions, needed, gone - set(due), "a later prune deletes it")
        gone = _find_unneeded(facts.runs, decisions, needed)
    named = {
        version.run_id
        for version in facts.versions
        if version in held or (version.whole and version.place not in gone)
    }
    verdicts = [
        _make_verdict(run, decisions[run.id], needed, named, run.id in facts.unsent)
        for run in facts.runs
    ]
    return Plan(
        runs=tuple(verdicts),
        entries=tuple(
            entry.key
            for entry in facts.entries
            if not in_flight
            and (
                entry.created < now - cache_days * DAY or not entry.whole or entry.places & planned
            )
        ),
        versions=tuple(
            version
            for version in facts.versions
            if not version.pruned
            and version not in held
            and (version.place in gone or not version.whole)
        ),
        restored=tuple(
            version
            for version in facts.versions
            if version.pruned and version.whole and version.place not in planned
        ),
        checkpoints=tuple(sorted(checkpoints)) if not in_flight else (),
        problems=(*_find_lost_weights(held), *problems),
        older=tuple(facts.older),
        snapshots=tuple(_find_unneeded_snapshots(facts, verdicts, now)),
        unsent=tuple(_find_unsendable(facts, verdicts, now)),
    )


@dataclass(frozen=True)
class _Decision:
    """Whether a run keeps all its places, and why."""

    kept: bool
    reason: str
    by_age: bool = False  # whether only its age keeps it, so that the size limit may override it


def _is_in_flight(run: RunFacts, policy: RetentionSettings, now: float) -> bool:
    """Whether a run may still continue: a stage is running, or the next one may start soon."""
    age = now - run.last_sign
    is_between = run.status == "incomplete" and age < policy.max_run_hours * HOUR
    return run.status == "running" or is_between or (run.status == "starting" and age < YOUNG)


def _decide_runs(
    runs: Sequence[RunFacts], policy: RetentionSettings, in_flight: set[str], now: float
) -> dict[str, _Decision]:
    """Decide about each run, by id, before the size limit and before anything is postponed."""
    started = [run for run in runs if run.status not in ("pruned", *WITHOUT_RECORD)]
    order = sorted(started, key=_sort_key)
    newest = order[-1].id if order else None
    last = {
        run.id for run in [run for run in order if run.status == "completed"][-policy.keep_last :]
    }

    def decide(run: RunFacts) -> _Decision:
        days = (now - run.last_sign) / DAY
        is_completed = run.status == "completed"
        limit = policy.keep_days if is_completed else policy.keep_failed_days
        if run.id in in_flight:
            return _Decision(True, "in flight")
        if run.marked:
            return _Decision(True, "marked keep")
        if run.status == "pruned":
            return _Decision(False, "pruned before")
        if run.id in last:
            return _Decision(True, f"one of the last {policy.keep_last}")
        if run.status in WITHOUT_RECORD:
            return _Decision(False, "has no readable record")
        if days < limit:
            may_resume = not is_completed and run.status != "refused"
            word = "may be resumed: younger" if may_resume else "younger"
            return _Decision(True, f"{word} than {limit:g} days", by_age=is_completed)
        if run.id == newest:
            return _Decision(True, "the newest run")
        return _Decision(False, f"older than {limit:g} days")

    return {run.id: decide(run) for run in runs}


def _sort_key(run: RunFacts) -> tuple[float, str]:
    return run.last_sign, run.id


def _reach(run: RunFacts) -> frozenset[Place]:
    """Return the places that a kept run needs: its own, and those that its records refer to."""
    return run.reaches | {(run.id, stage) for stage in run.sizes}


def _find_held_versions(facts: Facts, policy: RetentionSettings) -> list[VersionFacts]:
    """Find the versions that keep their weights: held ones, and the newest of each model."""
    numbers: dict[str, list[int]] = {}
    for version in facts.versions:
        numbers.setdefault(version.model, []).append(version.number)
    newest = {model: sorted(every)[-policy.keep_versions :] for model, every in numbers.items()}
    return [v for v in facts.versions if v.held or v.number in newest[v.model]]


def _fit_budget(
    runs: Sequence[RunFacts],
    decisions: dict[str, _Decision],
    needed: Counter[Place],
    total: int,
    policy: RetentionSettings,
) -> list[str]:
    """Stop keeping the oldest runs that only their age keeps, until the rest fits the size limit.

    `total` is the size of the other files that stay, in bytes. Changes `decisions` and `needed`.
    Returns the problem if the rest does not fit.
    """
    sizes = {(run.id, stage): size for run in runs for stage, size in run.sizes.items()}
    total += sum(size for place, size in sizes.items() if needed[place])
    for run in sorted(runs, key=_sort_key):
        if total <= policy.max_gib * GIB:
            return []
        if decisions[run.id].by_age:
            decisions[run.id] = _Decision(False, f"over {policy.max_gib:g} GiB in all")
            reached = _reach(run)
            needed.subtract(reached)
            total -= sum(sizes.get(place, 0) for place in reached if not needed[place])
    if total <= policy.max_gib * GIB:
        return []
    return [
        f"{total / GIB:.2f} GiB must stay, but retention.max_gib is {policy.max_gib:g}: raise it, "
        "lower retention.keep_last or keep_versions, or remove the marks of runs that you no "
        "longer need (make keep RUN=... UNDO=1)"
    ]


def _postpone(
    runs: Sequence[RunFacts],
    decisions: dict[str, _Decision],
    needed: Counter[Place],
    places: Collection[Place],
    why: str,
) -> None:
    """Keep these places for now, and with them the runs that reach them."""
    needed.update(places)
    for run in runs:
        decision = decisions[run.id]
        if not decision.kept and run.status != "pruned" and _reach(run) & set(places):
            decisions[run.id] = _Decision(True, f"{decision.reason}; {why}")
            needed.update(_reach(run))


def _find_unneeded(
    runs: Sequence[RunFacts], decisions: dict[str, _Decision], needed: Counter[Place]
) -> set[Place]:
    """Find the places of runs that are not kept, which nothing else needs."""
    return {
        (run.id, stage)
        for run in runs
        if not decisions[run.id].kept
        for stage in run.sizes
        if not needed[run.id, stage]
    }


def _make_verdict(
    run: RunFacts,
    decision: _Decision,
    needed: Counter[Place],
    named: Collection[str],
    is_unsent: bool,
) -> Verdict:
    """State the decision about a run, and which of its own places are deleted.

    `named` are the runs that versions with weights name. `is_unsent` is whether the run is not
    completely in MLflow.
    """
    kept = decision.kept
    gone = () if kept else tuple(stage for stage in run.sizes if not needed[run.id, stage])
    left = len(run.sizes) - len(gone)
    rest = ""
    if not kept and (left or run.id in named):
        rest = "; the rest is still in use" if left else "; a version names it"
    elif not kept and is_unsent:
        rest = "; not all of it was sent to MLflow"
    return Verdict(
        run_id=run.id,
        status=run.status,
        last_sign=run.last_sign,
        kept=kept,
        reason=decision.reason + rest,
        size=sum(run.sizes.values()),
        stages=gone,
        freed=sum(run.sizes[stage] for stage in gone),
        vanishes=not kept and not left and run.id not in named,
    )


def _find_unneeded_snapshots(facts: Facts, verdicts: Sequence[Verdict], now: float) -> list[str]:
    """Find the snapshots that no run names whose records stay; without those just written."""
    staying = {verdict.run_id for verdict in verdicts if not verdict.vanishes}
    named = {run.snapshot for run in facts.runs if run.id in staying}
    return sorted(
        key
        for key, modified in facts.snapshots.items()
        if key not in named and modified < now - YOUNG
    )


def _find_unsendable(facts: Facts, verdicts: Sequence[Verdict], now: float) -> list[str]:
    """Find the marked runs whose records are deleted, or gone; without those just marked."""
    staying = {verdict.run_id for verdict in verdicts if not verdict.vanishes}
    vanishing = {verdict.run_id for verdict in verdicts if verdict.vanishes}
    others = {run.id for run in facts.older} | staying
    return sorted(
        run_id
        for run_id, written in facts.unsent.items()
        if run_id in vanishing or (run_id not in others and written < now - YOUNG)
    )


def _find_lost_weights(held: Sequence[VersionFacts]) -> list[str]:
    """Describe the held versions whose weights are missing."""
    return [
        f"version {version.number} of {version.model} ({version.held}) has lost its weights: "
        "`make run` trains them again, `make rollback` returns to the version before"
        for version in held
        if version.held and not version.whole
    ]
