"""What the retention policy looks at, and what it decides.

A *place* is what one stage wrote in one run, and the unit that is deleted. Times are seconds since
the epoch, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Place = tuple[str, str]  # run id, stage


@dataclass(frozen=True)
class RunFacts:
    """A run in the store."""

    id: str
    status: str  # as its summary has it, or lost (no record), or pruned (given up before)
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
class OlderRun:
    """A run that an older project wrote: shown, and otherwise left alone."""

    id: str
    size: int
    last_sign: float  # when a file of it was written last


@dataclass(frozen=True)
class Facts:
    """All that the policy looks at, and the runs that it leaves alone."""

    runs: Sequence[RunFacts]
    versions: Sequence[VersionFacts] = ()
    entries: Sequence[EntryFacts] = ()
    checkpoints: Mapping[str, float] = field(default_factory=dict)  # when written last, by key
    checkpoint_sizes: Mapping[str, int] = field(default_factory=dict)
    older: Sequence[OlderRun] = ()


@dataclass(frozen=True)
class Verdict:
    """What becomes of a run, and why."""

    run_id: str
    status: str
    last_sign: float
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
    versions: tuple[VersionFacts, ...]  # to be marked: their weights go, or are gone
    restored: tuple[VersionFacts, ...]  # whose mark goes: their weights are there
    checkpoints: tuple[str, ...]
    problems: tuple[str, ...]
    older: tuple[OlderRun, ...] = ()

    @property
    def given_up(self) -> tuple[str, ...]:
        """The ids of the runs that nothing keeps any more, as of now."""
        return tuple(r.run_id for r in self.runs if not r.kept and r.status != "pruned")

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
        marks = self.versions or self.restored
        return not (self.given_up or self.dropped or self.entries or marks or self.checkpoints)
