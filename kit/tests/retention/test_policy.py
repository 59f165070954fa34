"""The retention policy agrees with a simple model of it, over thousands of generated stores."""

import dataclasses
from types import SimpleNamespace

import pytest

pytest.importorskip("hypothesis")
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpo_kit.retention import policy as retention
from mlpo_kit.retention.facts import EntryFacts, Facts, OlderRun, RunFacts, VersionFacts

DAY, GIB = 86400, 2**30
NOW = 1000 * DAY
STAGES = ("ingest", "train")
MANY = {"quick": 150, "kit": 400, "thorough": 4000}
EXAMPLES = settings(max_examples=MANY[settings.get_current_profile_name()])

ages = st.sampled_from([0.0, 0.01, 0.1, 1, 3, 6.9, 7.1, 13, 15, 29.9, 30.1, 40, 100])
WITHOUT_RECORD = ("lost", "starting")
WRONG = ["failed", "refused", "interrupted", "killed", "preempted"]
states = st.one_of(
    st.just("completed"),
    st.just("completed"),
    st.sampled_from([*WRONG, "running", "incomplete", "lost", "starting", "pruned"]),
)
calm = st.one_of(
    st.just("completed"), st.just("completed"), st.sampled_from([*WRONG, "lost", "pruned"])
)


@st.composite
def stores(draw, status=states):
    ids = [str(number) for number in range(draw(st.integers(0, 9)))]
    places = st.tuples(st.sampled_from([*ids, "gone"]), st.sampled_from(STAGES))
    some = st.frozensets(places, max_size=3)
    snapshots = st.sampled_from(["", *(f"snapshots/{n}.zip" for n in range(4))])
    runs = []
    for run_id in ids:
        sizes = draw(st.dictionaries(st.sampled_from(STAGES), st.integers(0, 4)))
        state = draw(status)
        reaches = frozenset() if state in WITHOUT_RECORD else draw(some)
        runs.append(
            RunFacts(
                id=run_id,
                status=state,
                last_sign=NOW - draw(ages) * DAY - int(run_id),
                sizes={stage: size * GIB for stage, size in sizes.items()},
                reaches=reaches,
                marked=draw(st.integers(0, 5)) == 0,
                snapshot=draw(snapshots),
            )
        )
    there = {(run.id, stage) for run in runs for stage in run.sizes}
    versions = []
    for number in range(draw(st.integers(0, 5))):
        place = draw(places)
        held = draw(st.sampled_from(["", "", "", "champion"]))
        model, pruned = draw(st.sampled_from("ab")), draw(st.booleans())
        origin = draw(st.sampled_from(["", *ids]))
        versions.append(VersionFacts(model, number, place, place in there, pruned, held, origin))
    entries = []
    for number in range(draw(st.integers(0, 4))):
        named = draw(some)
        created = NOW - draw(ages) * DAY
        entries.append(EntryFacts(f"cache/{number}", named, created, named <= there))
    written = {f"checkpoints/{n}": NOW - draw(ages) * DAY for n in range(draw(st.integers(0, 2)))}
    kept = {key: NOW - draw(ages) * DAY for key in draw(st.sets(snapshots)) if key}
    older = [OlderRun("older", draw(st.integers(0, 9)) * GIB, 0)] if draw(st.booleans()) else []
    marks = draw(st.sets(st.sampled_from([*ids, "gone", "older"])))
    unsent = {run_id: NOW - draw(ages) * DAY for run_id in sorted(marks)}
    sizes = dict.fromkeys(written, GIB)
    return Facts(runs, versions, entries, written, sizes, kept, unsent, older)


policies = st.builds(
    SimpleNamespace,
    keep_last=st.integers(1, 4),
    keep_days=st.just(30),
    keep_failed_days=st.just(7),
    max_gib=st.sampled_from([1, 5, 20]),
    keep_versions=st.integers(1, 2),
    max_run_hours=st.just(48),
)


def make_plan(facts, policy, due=None):
    return retention.make_plan(facts, policy, 14, NOW, due)


def is_in_flight(run):
    limits = {"running": 1e9, "incomplete": 2, "starting": 1 / 24}
    return NOW - run.last_sign < limits.get(run.status, 0) * DAY


def must_stay(facts, policy) -> set[str]:
    """The runs that must be kept at any age and size, computed independently of the policy."""
    live = [run for run in facts.runs if run.status not in ("pruned", *WITHOUT_RECORD)]
    live.sort(key=lambda run: run.last_sign, reverse=True)
    stay = {run.id for run in live[:1]}
    stay |= {
        run.id for run in [run for run in live if run.status == "completed"][: policy.keep_last]
    }
    stay |= {run.id for run in facts.runs if run.marked or is_in_flight(run)}
    young = NOW - 7 * DAY
    return stay | {run.id for run in live if run.status != "completed" and run.last_sign > young}


def may_stay(facts) -> set[str]:
    """The completed runs that are young enough to be kept, if the size limit allows it."""
    limit = NOW - 30 * DAY
    return {run.id for run in facts.runs if run.status == "completed" and run.last_sign > limit}


def held(facts, policy):
    """The versions that keep their weights."""
    kept = [version for version in facts.versions if version.held]
    for model in {version.model for version in facts.versions}:
        versions = [version for version in facts.versions if version.model == model]
        kept += sorted(versions, key=lambda version: version.number)[-policy.keep_versions :]
    return kept


def named(facts, policy):
    """The runs that a version with weights names."""
    return {v.run_id for v in facts.versions if v.whole} | {v.run_id for v in held(facts, policy)}


def reach(facts, ids):
    runs = [run for run in facts.runs if run.id in ids]
    own = {(run.id, stage) for run in runs for stage in run.sizes}
    return own.union(*(run.reaches for run in runs))


def there(facts):
    return {(run.id, stage): size for run in facts.runs for stage, size in run.sizes.items()}


def after(facts, plan):
    """The store after the plan was applied."""
    vanished = {run.run_id for run in plan.runs if run.vanishes}
    marked = {(v.model, v.number): True for v in plan.versions}
    marked |= {(v.model, v.number): False for v in plan.restored}
    left = there(facts).keys() - plan.places
    return Facts(
        runs=[
            dataclasses.replace(
                run,
                status="pruned" if run.id in plan.newly_pruned else run.status,
                sizes={s: size for s, size in run.sizes.items() if (run.id, s) in left},
            )
            for run in facts.runs
            if run.id not in vanished
        ],
        versions=[
            dataclasses.replace(
                version,
                whole=version.place in left,
                pruned=marked.get((version.model, version.number), version.pruned),
            )
            for version in facts.versions
        ],
        entries=[
            dataclasses.replace(entry, whole=entry.places <= left)
            for entry in facts.entries
            if entry.key not in plan.entries
        ],
        checkpoints={k: t for k, t in facts.checkpoints.items() if k not in plan.checkpoints},
        checkpoint_sizes={
            key: size for key, size in facts.checkpoint_sizes.items() if key not in plan.checkpoints
        },
        snapshots={k: t for k, t in facts.snapshots.items() if k not in plan.snapshots},
        unsent={k: t for k, t in facts.unsent.items() if k not in plan.unsent},
        older=facts.older,
    )


@pytest.mark.slow
@EXAMPLES
@given(stores(), policies)
def test_nothing_that_must_stay_is_deleted(facts, policy):
    plan = make_plan(facts, policy)
    kept = {run.run_id for run in plan.runs if run.kept}
    assert must_stay(facts, policy) <= kept
    assert not plan.places & reach(facts, kept)
    assert not plan.places & {version.place for version in held(facts, policy)}
    vanished = {run.run_id for run in plan.runs if run.vanishes}
    assert not vanished & kept
    assert not vanished & named(after(facts, plan), policy)
    young = {key for key, written in facts.checkpoints.items() if written > NOW - 7 * DAY}
    assert not young & set(plan.checkpoints)


@pytest.mark.slow
@EXAMPLES
@given(stores(), policies)
def test_while_a_pipeline_runs_cache_entries_and_their_outputs_stay(facts, policy):
    plan = make_plan(facts, policy)
    if any(is_in_flight(run) for run in facts.runs):
        assert not plan.entries
        assert not plan.checkpoints
        assert not plan.places & {place for entry in facts.entries for place in entry.places}


@pytest.mark.slow
@EXAMPLES
@given(stores(calm), policies)
def test_everything_that_is_not_needed_is_deleted(facts, policy):
    plan = make_plan(facts, policy)
    kept = {run.run_id for run in plan.runs if run.kept}
    assert kept <= must_stay(facts, policy) | may_stay(facts)
    needed = reach(facts, kept) | {version.place for version in held(facts, policy)}
    assert plan.places == there(facts).keys() - needed
    left = there(facts).keys() - plan.places
    still_named = named(after(facts, plan), policy)
    for run in plan.runs:
        empty = not any(run_id == run.run_id for run_id, _ in left)
        assert run.vanishes == (empty and not run.kept and run.run_id not in still_named)


@pytest.mark.slow
@EXAMPLES
@given(stores(), policies)
def test_snapshots_stay_as_long_as_the_records_of_their_runs(facts, policy):
    plan = make_plan(facts, policy)
    left = {run.snapshot for run in after(facts, plan).runs}
    assert not set(plan.snapshots) & left
    old = {key for key, written in facts.snapshots.items() if written < NOW - DAY / 24}
    assert set(plan.snapshots) == old - left


@pytest.mark.slow
@EXAMPLES
@given(stores(), policies)
def test_what_was_not_sent_can_be_sent_as_long_as_its_run_has_records(facts, policy):
    plan = make_plan(facts, policy)
    vanished = {run.run_id for run in plan.runs if run.vanishes}
    ids = {run.id for run in (*facts.runs, *facts.older)}
    young = {key for key, written in facts.unsent.items() if written >= NOW - DAY / 24}
    assert set(plan.unsent) == facts.unsent.keys() - (ids | young) | (
        facts.unsent.keys() & vanished
    )
    told = {run.run_id for run in plan.runs if "not all of it was sent" in run.reason}
    assert told == facts.unsent.keys() & vanished


@pytest.mark.slow
@EXAMPLES
@given(stores(calm), policies)
def test_the_size_limit_overrides_only_age_and_removes_the_oldest_runs(facts, policy):
    plan = make_plan(facts, policy)
    kept = {run.run_id for run in plan.runs if run.kept}
    surplus = may_stay(facts) - must_stay(facts, policy)
    checkpoints = sum(facts.checkpoint_sizes.values()) - GIB * len(plan.checkpoints)

    def size(ids):
        needed = reach(facts, ids) | {version.place for version in held(facts, policy)}
        return checkpoints + sum(n for place, n in there(facts).items() if place in needed)

    assert kept == must_stay(facts, policy) | (surplus & kept)
    dropped = surplus - kept
    seen = {run.id: run.last_sign for run in facts.runs}
    if dropped:  # no more runs than needed, and the oldest ones
        last = max(dropped, key=seen.__getitem__)
        assert size(kept | {last}) > policy.max_gib * GIB
        assert all(seen[run_id] > seen[last] for run_id in surplus & kept)
    if size(kept) > policy.max_gib * GIB:
        assert not surplus & kept
    too_much = any("max_gib" in problem for problem in plan.problems)
    assert too_much == (size(kept) > policy.max_gib * GIB)


@pytest.mark.slow
@EXAMPLES
@given(stores(calm), policies)
def test_cache_and_registry_agree_with_the_remaining_files(facts, policy):
    later = after(facts, make_plan(facts, policy))
    left = there(later).keys()
    for entry in later.entries:
        assert entry.places <= left
        assert entry.created >= NOW - 14 * DAY
    for version in later.versions:
        if version not in held(later, policy) or version.whole:  # the others are reported
            assert version.pruned == (version.place not in left)


@pytest.mark.slow
@EXAMPLES
@given(stores(), policies)
def test_a_second_prune_has_nothing_to_do(facts, policy):
    plan = make_plan(facts, policy)
    again = make_plan(after(facts, plan), policy)
    assert again.is_empty, again
    kept = {run.run_id for run in plan.runs if run.kept}
    assert kept == {run.run_id for run in again.runs if run.kept}


@pytest.mark.slow
@EXAMPLES
@given(stores(), policies, st.data())
def test_announced_places_stay_until_they_are_due(facts, policy, data):
    whole = make_plan(facts, policy)
    due = data.draw(st.sets(st.sampled_from(sorted(whole.places)))) if whole.places else set()
    part = make_plan(facts, policy, due)
    assert part.places <= due
    kept = {run.run_id for run in part.runs if run.kept}
    assert not part.places & reach(facts, kept)
    assert set(whole.entries) == set(part.entries)  # the cache entries are deleted first
    assert {v.place for v in part.versions if v.whole} <= part.places
    assert make_plan(facts, policy, whole.places) == whole
    rest = whole.places - part.places
    last = make_plan(after(facts, part), policy).places
    # The first prune has made room, so the size limit may keep a run that it removed at first.
    for_size = {run.run_id for run in whole.runs if not run.kept} & may_stay(facts)
    assert rest - reach(facts, for_size) <= last <= rest


@pytest.mark.slow
@EXAMPLES
@given(stores(), policies, st.randoms())
def test_the_order_of_facts_does_not_matter(facts, policy, random):
    runs = random.sample(facts.runs, len(facts.runs))
    shuffled = make_plan(dataclasses.replace(facts, runs=runs), policy)
    plan = make_plan(facts, policy)
    assert shuffled.places == plan.places
    assert {r.run_id: r.kept for r in shuffled.runs} == {r.run_id: r.kept for r in plan.runs}
