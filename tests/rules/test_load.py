"""The shipped rules are complete, and broken rules are refused with file and line."""

from __future__ import annotations

import re
import shutil

import pytest
from support import RULES

from mlpo_cli import rules
from mlpo_cli.errors import RulesError
from mlpo_cli.resources import rules_dir


def test_every_score_cell_has_dated_evidence_with_source_and_version():
    rows = [(o.id, id, row) for o in RULES.orchestrators for id, row in o.rows.items()]
    assert len(rows) == len(RULES.criteria) * len(RULES.orchestrators)
    for orchestrator, id, row in rows:
        criterion = RULES.criterion(id)
        assert all(row.scores.at(choice) is not None for choice in criterion.choices)
        assert row.evidence, (orchestrator, id)
        for item in row.evidence:
            assert re.fullmatch(r"\d{4}-\d\d-\d\d", item.date)
            assert item.date <= RULES.reviewed
            assert item.claim and item.source and item.version
            if item.checked:
                assert item.date <= item.checked.date <= RULES.reviewed


def test_the_first_four_questions_are_the_products_own():
    assert [c.id for c in RULES.criteria][:4] == [
        "team_size", "existing_kubernetes", "local_dev_need", "gpu_scheduling",
    ]  # fmt: skip


def test_the_version_is_the_reviewed_date_and_a_hash_of_the_content(copy):
    assert re.fullmatch(rf"{RULES.reviewed}\+[0-9a-f]{{8}}", RULES.version)
    assert rules.load(copy).version == RULES.version
    edit(copy, "policy.yaml", "seed: 20240501", "seed: 1")
    assert rules.load(copy).version != RULES.version


def test_windows_line_ends_do_not_change_the_version(copy):
    for path in copy.rglob("*.yaml"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert rules.load(copy).version == RULES.version


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(rules_dir(), tmp_path / "rules")


def edit(folder, file, old, new):
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


ZENML = "orchestrators/zenml.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (ZENML, "  trigger:\n", "  tigger:\n", "did you mean trigger?"),
        (ZENML, "  trigger:\n", "  tigger:\n", "there is no row for trigger"),
        (ZENML, "claim: A step is", "clam: A step is", "did you mean claim?"),
        (ZENML, "date: 2026-02-28", "date: last year", "'last year' is not a date"),
        ("policy.yaml", "dev_os: windows", "dev_os: linux_mac", "indifferent but a rule reads it"),
        ("policy.yaml", "gpu_scheduling: tpu", "gpu_sched: tpu", "did you mean gpu_scheduling?"),
        ("policy.yaml", "orchestrator: kubeflow", "orchestrator: flyte", "'flyte' is not known"),
        ("policy.yaml", "draws: 2000", "draws: many", "draws must be a whole number"),
        ("criteria.yaml", "prior: {pipeline: 1.0}", "prior: {pipeline: 0.9}", "add up to 1"),
        ("criteria.yaml", "prior: {slurm: 1.0}", "prior: {slurm: 0.9}", "add up to 1"),
        ("criteria.yaml", "prior: {slurm: 1.0}", "prior: {slrm: 1.0}", "did you mean slurm?"),
        ("criteria.yaml", "prior: {slurm: 1.0}", "priors: {slurm: 1.0}", "did you mean prior?"),
        (
            "criteria.yaml",
            "- when: {existing_platform: slurm}",
            "- when: {existing_kubernetes: none}",
            "the prior of existing_kubernetes reads its own answer",
        ),
        ("criteria.yaml", "- when: {cloud: local}", "- when: {}", "needs a condition"),
        (
            "criteria.yaml",
            "- when: {cloud: local}",
            "- when: {dev_os: linux_mac}",
            "indifferent but a rule reads it",
        ),
        (
            "policy.yaml",
            "    at_most: leaning",
            "    at_most: robust",
            "'robust' is not known here",
        ),
        ("policy.yaml", "when_any:", "when_all:", "did you mean when_any?"),
        ("policy.yaml", "      - {gpu_scheduling: slurm}\n", "      - {}\n", "needs conditions"),
        ("criteria.yaml", "weight: 3", "weight: heavy", "weight must be a whole number"),
        ("criteria.yaml", "- id: trigger", "- id: dev_os", "dev_os is there twice"),
        ("criteria.yaml", "several: true", "several: 1", "several must be true or false"),
        ("criteria.yaml", "several: true", "several: [lineage]", "several must be true or false"),
        (
            "criteria.yaml",
            "type: integer",
            "type: integer\n    several: true",
            "cannot be given here",
        ),
        ("criteria.yaml", "[linux_mac]", "[linux_mac]\n    several: true", "cannot be given here"),
        ("criteria.yaml", "- id: trigger", "- id: our-trigger", "write our_trigger: no shell"),
        ("criteria.yaml", "schema_version: 1", "schema_version: 9", "schema_version must be"),
    ],
)
def test_broken_rules_are_refused_with_file_and_line(copy, file, old, new, said):
    edit(copy, file, old, new)
    with pytest.raises(RulesError) as caught:
        rules.load(copy)
    found = [p for p in caught.value.problems if said in f"{p.what} {p.fix}"]
    assert found, caught.value.problems
    assert re.search(r"\.yaml:\d+$", found[0].where)


def test_all_problems_of_all_files_come_at_once(copy):
    edit(copy, ZENML, "  trigger:\n", "  tigger:\n")
    edit(copy, "policy.yaml", "draws: 2000", "draws: many")
    with pytest.raises(RulesError) as caught:
        rules.load(copy)
    assert {p.where.split("/")[-1].split(":")[0] for p in caught.value.problems} == {
        "zenml.yaml",
        "policy.yaml",
    }


def test_missing_and_unreadable_rules_are_refused(copy, tmp_path):
    with pytest.raises(RulesError, match="cannot be used"):
        rules.load(tmp_path / "nowhere")
    (copy / "policy.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(RulesError):
        rules.load(copy)
