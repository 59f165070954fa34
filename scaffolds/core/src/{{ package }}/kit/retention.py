"""Which runs keep their files: the policy, from facts to a plan. Managed by mlpo.

Pure: it reads no disk and no clock. A *place* is what one stage wrote in one run, and the unit
that is deleted. Runs and registered versions reach places, their own and through the cache those
of other runs; a place that something alive reaches stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..settings import RetentionSettings

DAY, HOUR, GIB = 86400, 3600, 2**30

Place = tuple[str, str]  # run id, stage


@dataclass(frozen=True)
class RunFacts:
    """A run in the store. Times are seconds since the epoch, sizes bytes."""

    id: str
    status: str  # ok | failed | running | incomplete | lost (files without a record)
    started: float
    last_sign: float  # when a stage of it started or ended last
    sizes: Mapping[str, int]  # of what is there, by stage
    reaches: frozenset[Place]
    marked: bool = False


@dataclass(frozen=True)
class VersionFacts:
    """A registered version of a model."""

    model: str
    number: int
    place: Place | None  # of its weights
    whole: bool = True  # whether its weights are there
    pruned: bool = False  # whether it says that they are not
    held: str = ""  # why it keeps them whatever its age: champion, keep, ...


@dataclass(frozen=True)
class EntryFacts:
    """A cache entry, by its key in the store."""

    key: str
    places: frozenset[Place]
    created: float
    whole: bool = True


@dataclass(frozen=True)
class Facts:
    """All that the policy looks at."""

    runs: Sequence[RunFacts]
    versions: Sequence[VersionFacts] = ()
    entries: Sequence[EntryFacts] = ()
    checkpoints: Mapping[str, float] = field(default_factory=dict)  # when written last, by key


@dataclass(frozen=True)
class Verdict:
    """What becomes of a run, and why. Sizes are bytes."""

    run_id: str
    status: str
    started: float
    kept: bool
    reason: str
    size: int
    stages: tuple[str, ...]  # what is deleted of it
    freed: int
    vanishes: bool  # its records go, too


@dataclass(frozen=True)
class Plan:
    """What a prune does."""

    runs: tuple[Verdict, ...]
    entries: tuple[str, ...]
    versions: tuple[VersionFacts, ...]  # to be marked
    checkpoints: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def dropped(self) -> tuple[Verdict, ...]:
        """The runs that lose something."""
        return tuple(run for run in self.runs if run.stages or run.vanishes)

    @property
    def places(self) -> frozenset[Place]:
        """What is deleted."""
        return frozenset((run.run_id, stage) for run in self.runs for stage in run.stages)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.dropped or self.entries or self.versions or self.checkpoints)


def make_plan(facts: Facts, policy: RetentionSettings, cache_days: float, now: float) -> Plan:
    """Decide what goes. `cache_days` is the age at which cache entries are no longer used."""
    in_flight = {run.id for run in facts.runs if _is_in_flight(run, policy, now)}
    held = _held_versions(facts, policy)
    protected = {version.place for version in held if version.place}
    if in_flight:  # they may be about to use what the cache names
        protected |= {place for entry in facts.entries for place in entry.places}

    reasons = _reasons(facts.runs, policy, in_flight, now)
    needed = Counter(place for run in facts.runs if reasons[run.id] for place in _reach(run))
    needed.update(protected)
    problems = _keep_budget(facts.runs, reasons, needed, policy)

    verdicts = tuple(_verdict(run, reasons[run.id], needed) for run in facts.runs)
    gone = {(run.run_id, stage) for run in verdicts for stage in run.stages}
    return Plan(
        runs=verdicts,
        entries=tuple(
            entry.key
            for entry in facts.entries
            if not in_flight
            and (entry.created < now - cache_days * DAY or not entry.whole or entry.places & gone)
        ),
        versions=tuple(
            version
            for version in facts.versions
            if not version.pruned
            and version not in held
            and (version.place in gone or not version.whole)
        ),
        checkpoints=tuple(
            key
            for key, modified in facts.checkpoints.items()
            if not in_flight and modified < now - policy.keep_failed_days * DAY
        ),
        problems=(*_lost(held), *problems),
    )


def _is_in_flight(run: RunFacts, policy: RetentionSettings, now: float) -> bool:
    """Whether a run may still go on: a stage runs, or it is between two."""
    is_fresh = now - run.last_sign < policy.max_run_hours * HOUR
    return run.status == "running" or (run.status == "incomplete" and is_fresh)


def _reasons(
    runs: Sequence[RunFacts], policy: RetentionSettings, in_flight: set[str], now: float
) -> dict[str, str]:
    """Why each run keeps all that it has; "" where nothing says so."""
    green = sorted((run for run in runs if run.status == "ok"), key=lambda run: run.started)
    last = {run.id for run in green[-policy.keep_last :]}

    def reason(run: RunFacts) -> str:
        days = (now - run.last_sign) / DAY
        if run.id in in_flight:
            return "in flight"
        if run.marked:
            return "marked keep"
        if run.id in last:
            return f"one of the last {policy.keep_last}"
        if run.status == "ok":
            return _young(policy) if days < policy.keep_days else ""
        if run.status != "lost" and days < policy.keep_failed_days:
            return f"failed less than {policy.keep_failed_days:g} days ago"
        return ""

    return {run.id: reason(run) for run in runs}


def _young(policy: RetentionSettings) -> str:
    """The only reason that the budget beats."""
    return f"younger than {policy.keep_days:g} days"


def _reach(run: RunFacts) -> frozenset[Place]:
    """What a kept run needs: all its own, and what its records refer to."""
    return run.reaches | {(run.id, stage) for stage in run.sizes}


def _held_versions(facts: Facts, policy: RetentionSettings) -> list[VersionFacts]:
    """The versions that keep their weights."""
    numbers: dict[str, list[int]] = {}
    for version in facts.versions:
        numbers.setdefault(version.model, []).append(version.number)
    last = {model: sorted(some)[-policy.keep_versions :] for model, some in numbers.items()}
    return [v for v in facts.versions if v.held or v.number in last[v.model]]


def _keep_budget(
    runs: Sequence[RunFacts],
    reasons: dict[str, str],
    needed: Counter[Place],
    policy: RetentionSettings,
) -> list[str]:
    """Give up the oldest runs that only their age keeps, until the rest fits; say if it can't."""
    sizes = {(run.id, stage): size for run in runs for stage, size in run.sizes.items()}
    total = sum(size for place, size in sizes.items() if needed[place])
    for run in sorted(runs, key=lambda run: run.started):
        if total <= policy.max_gib * GIB:
            return []
        if reasons[run.id] == _young(policy):
            reasons[run.id] = ""
            reached = _reach(run)
            needed.subtract(reached)
            total -= sum(sizes.get(place, 0) for place in reached if not needed[place])
    if total <= policy.max_gib * GIB:
        return []
    return [
        f"{total / GIB:.1f} GiB stay, and retention.max_gib is {policy.max_gib:g}: lower "
        "retention.keep_last, or take the marks off runs that are no longer needed"
    ]


def _verdict(run: RunFacts, reason: str, needed: Counter[Place]) -> Verdict:
    """What becomes of a run's own places."""
    gone = () if reason else tuple(stage for stage in run.sizes if not needed[run.id, stage])
    left = len(run.sizes) - len(gone)
    return Verdict(
        run_id=run.id,
        status=run.status,
        started=run.started,
        kept=bool(reason),
        reason=reason or ("something kept uses the rest of it" if left else "too old"),
        size=sum(run.sizes.values()),
        stages=gone,
        freed=sum(run.sizes[stage] for stage in gone),
        vanishes=not reason and not left,
    )


def _lost(held: Sequence[VersionFacts]) -> list[str]:
    """The versions that should have their weights and do not."""
    return [
        f"version {version.number} of {version.model} ({version.held}) has lost its weights: "
        "`make run` makes them again, `make rollback` goes back to the version before"
        for version in held
        if version.held and not version.whole
    ]
