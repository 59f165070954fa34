"""The input of the retention policy (facts) and its result (a plan).

A *place* is the files that one stage of one run wrote. A prune deletes whole places. Times are
seconds since the epoch, sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Place = tuple[str, str]  # run id, stage


@dataclass(frozen=True)
class RunFacts:
    """A run in the store."""

    id: str
    # The summary's status; without a record `lost`, or `starting` if it only has a `run.json`;
    # `pruned` after an earlier prune.
    status: str
    last_sign: float  # the last time at which one of its stages started or ended
    sizes: Mapping[str, int]  # of the places that exist, by stage
    reaches: frozenset[Place]  # the places of all runs that its records refer to
    marked: bool = False  # whether a user marked it to be kept
    snapshot: str = ""  # the key of the snapshot of the code that it started from


@dataclass(frozen=True)
class VersionFacts:
    """A registered version of a model."""

    model: str
    number: int
    place: Place | None  # the place of its weights
    whole: bool = True  # whether its weights exist
    pruned: bool = False  # whether the registry marks its weights as deleted
    held: str = ""  # why its weights are kept at any age, such as champion; empty if they are not
    run_id: str = ""  # the run that registered it, whose tracked run it names


@dataclass(frozen=True)
class EntryFacts:
    """A cache entry."""

    key: str  # in the store
    places: frozenset[Place]  # the places of its outputs
    created: float
    whole: bool = True  # whether it can be read and all its outputs exist


@dataclass(frozen=True)
class OlderRun:
    """A run that an older project wrote: a plan shows it, a prune does not touch it."""

    id: str
    size: int
    last_sign: float  # the last time at which one of its files was written


@dataclass(frozen=True)
class Facts:
    """The input of the policy, with the runs of older projects that it leaves alone."""

    runs: Sequence[RunFacts]
    versions: Sequence[VersionFacts] = ()
    entries: Sequence[EntryFacts] = ()
    checkpoints: Mapping[str, float] = field(default_factory=dict)  # last write, by folder
    checkpoint_sizes: Mapping[str, int] = field(default_factory=dict)
    snapshots: Mapping[str, float] = field(default_factory=dict)  # last write, by key
    # When the mark was written that a run is not completely in MLflow, by the run's id.
    unsent: Mapping[str, float] = field(default_factory=dict)
    older: Sequence[OlderRun] = ()


@dataclass(frozen=True)
class Verdict:
    """The decision about one run, and the reason."""

    run_id: str
    status: str
    last_sign: float
    kept: bool
    reason: str
    size: int  # before the prune
    stages: tuple[str, ...]  # the stages whose places are deleted
    freed: int
    vanishes: bool  # whether its records and its tracked run are deleted as well


@dataclass(frozen=True)
class Plan:
    """What a prune does."""

    runs: tuple[Verdict, ...]
    entries: tuple[str, ...]  # keys of the cache entries to delete
    versions: tuple[VersionFacts, ...]  # to mark as pruned: their weights are deleted or missing
    restored: tuple[VersionFacts, ...]  # to unmark: their weights exist again
    checkpoints: tuple[str, ...]  # folders to delete
    problems: tuple[str, ...]
    older: tuple[OlderRun, ...] = ()
    snapshots: tuple[str, ...] = ()  # keys of the snapshots to delete
    unsent: tuple[str, ...] = ()  # ids of the runs that are not sent to MLflow any more

    @property
    def newly_pruned(self) -> tuple[str, ...]:
        """The ids of the runs that this plan no longer keeps and no earlier prune has pruned."""
        return tuple(r.run_id for r in self.runs if not r.kept and r.status != "pruned")

    @property
    def losing_files(self) -> tuple[Verdict, ...]:
        """The runs that lose places or records."""
        return tuple(run for run in self.runs if run.stages or run.vanishes)

    @property
    def places(self) -> frozenset[Place]:
        """The places to delete."""
        return frozenset((run.run_id, stage) for run in self.runs for stage in run.stages)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        has_runs, has_marks = self.newly_pruned or self.losing_files, self.versions or self.restored
        has_files = self.entries or self.checkpoints or self.snapshots or self.unsent
        return not (has_runs or has_marks or has_files)
