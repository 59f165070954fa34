"""A platform team changes, adds and drops rules without touching ours; mistakes have a line."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import EXAMPLES, IDS, RULES, mlpo

from mlpo_cli import rules
from mlpo_cli.decision.engine import decide
from mlpo_cli.errors import RulesError
from mlpo_cli.resources import rules_dir
from mlpo_cli.yamlmap import parse_yaml

HEAD = "schema_version: 1\nreviewed: 2026-11-23\n"


@pytest.fixture
def layered(tmp_path):
    """Load our rules with files laid over them: `layered({"policy.yaml": "..."})`."""

    def load(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(HEAD + text, encoding="utf-8")
        return rules.load(rules_dir(), tmp_path)

    return load


def refused(layered, files):
    with pytest.raises(RulesError) as caught:
        layered(files)
    return [(p.where, p.what) for p in caught.value.problems]


def test_the_example_adds_a_criterion_and_a_fourth_orchestrator():
    ours = rules.load(rules_dir(), EXAMPLES / "rules")
    assert [c.id for c in ours.criteria] == [*IDS, "data_location"]
    assert [o.id for o in ours.orchestrators] == ["kubeflow", "metaflow", "zenml", "flyte"]
    assert ours.policy.order[0] == "flyte"
    vetoes = {veto.id for veto in ours.policy.vetoes}
    assert "flyte-needs-the-cluster" in vetoes
    assert vetoes >= {v.id for v in RULES.policy.vetoes} - {"no-native-windows"}
    assert "no-native-windows" not in vetoes
    text = (EXAMPLES / "platform.yaml").read_text(encoding="utf-8")
    answers = parse_yaml(text, "x").data["criteria"]
    assert decide(ours, answers).orchestrator == "flyte"
    assert decide(ours, {**answers, "existing_kubernetes": "none"}).orchestrator != "flyte"
    assert decide(ours, answers).switched_off == ("budget",)


def test_without_a_layer_nothing_changes_and_with_one_the_version_does(layered):
    assert rules.load(rules_dir()) == RULES
    other = layered({"criteria.yaml": "criteria:\n  - {id: cloud, weight: 2}\n"})
    assert other.version != RULES.version
    assert other.criterion("cloud").weight == 2
    assert other.criterion("cloud").question == RULES.criterion("cloud").question
    assert [c.id for c in other.criteria] == IDS


def test_a_layer_says_where_several_choices_may_be_given(layered):
    text = (
        "criteria:\n  - {id: gpu_scheduling, several: true}\n  - {id: compliance, several: false}\n"
    )
    other = layered({"criteria.yaml": text})
    answers = {"gpu_scheduling": ["tpu", "on_demand"]}
    assert [veto.id for veto in decide(other, answers).vetoes] == ["no-tpu-path"]
    with pytest.raises(ValueError, match="not an answer to compliance"):
        decide(other, {"compliance": ["lineage", "airgapped"]})


EVIDENCE = "    evidence: [{claim: ours, source: here, date: 2026-01-01, version: '1'}]\n"


def test_one_cell_is_changed_with_its_evidence_and_the_others_stay(layered):
    text = f"criteria:\n  cloud:\n    scores: {{aws: 0}}\n{EVIDENCE}"
    row = layered({"orchestrators/metaflow.yaml": text}).orchestrator("metaflow").rows["cloud"]
    before = RULES.orchestrator("metaflow").rows["cloud"]
    assert row.scores.cells == {**before.scores.cells, "aws": 0}
    assert [item.claim for item in row.evidence] == ["ours"]
    assert row.brief == ""


@pytest.mark.parametrize(
    ("checked", "problem"),
    [
        ("{on: 2026-01-02, result: confirmed}", "'on' is not known here"),
        ("{date: today, result: confirmed}", "'today' is not a date"),
        ("{result: confirmed}", "date must be text"),
        ("{date: 2026-01-02, result: confirm}", "'confirm' is not known here"),
        ("2026-01-02", "checked must be a mapping"),
    ],
)
def test_a_check_of_evidence_has_a_date_and_a_result(layered, tmp_path, checked, problem):
    evidence = EVIDENCE.replace("}]", f", checked: {checked}}}]")
    file = "orchestrators/metaflow.yaml"
    text = f"criteria:\n  cloud:\n    scores: {{aws: 0}}\n{evidence}"
    assert (f"{tmp_path / file}:6", problem) in refused(layered, {file: text})


def test_a_gate_is_changed_by_its_id_and_its_conditions_are_replaced(layered):
    text = (
        "gates:\n  - id: kubeflow-only-when-earned\n"
        "    may_win_if_any: [{existing_kubernetes: planned}]\n"
    )
    gates = layered({"policy.yaml": text}).policy.gates
    assert [g.id for g in gates] == [g.id for g in RULES.policy.gates]
    assert [dict(c.met) for c in gates[0].any_of] == [{"existing_kubernetes": {"planned"}}]
    assert gates[0].message == RULES.policy.gates[0].message


def test_a_note_can_be_dropped_and_priors_for_some_teams_are_replaced(layered):
    assert RULES.policy.notes
    drops = "".join(f"  - {{id: {note.id}, drop: true}}\n" for note in RULES.policy.notes)
    priors = "[{when: {cloud: aws}, prior: {none: 1.0}}]"
    criteria = f"criteria:\n  - id: platform_team\n    priors_when: {priors}\n"
    other = layered({"policy.yaml": f"notes:\n{drops}", "criteria.yaml": criteria})
    assert other.policy.notes == ()
    (conditional,) = other.criterion("platform_team").priors_when
    assert conditional.prior == {"none": 1.0}
    assert other.criterion("platform_team").prior == RULES.criterion("platform_team").prior


def test_an_adjustment_may_change_only_what_is_operated(layered):
    text = (
        "adjustments:\n  - id: ours\n    when: {cloud: aws}\n    why: We run it.\n"
        f"    operate: [Nothing.]\n{EVIDENCE}"
    )
    zenml = layered({"orchestrators/zenml.yaml": text}).orchestrator("zenml")
    assert zenml.select_operate({"cloud": "aws"}) == ("Nothing.",)
    assert zenml.select_operate({}) == zenml.operate


def test_a_key_without_a_value_changes_nothing_but_the_version(layered):
    other = layered({"policy.yaml": "gates:\nvetoes: []\ncombined_outcomes:\n"})
    assert other.policy == RULES.policy
    assert other.version != RULES.version


def test_a_problem_names_the_file_and_line_it_is_in(layered, tmp_path):
    found = refused(layered, {"criteria.yaml": "criteria:\n  - id: cloud\n    weight: heavy\n"})
    assert found == [
        (f"{tmp_path / 'criteria.yaml'}:5", "weight must be a whole number from 0 to 100")
    ]


def test_changed_scores_need_evidence_of_their_own(layered, tmp_path):
    text = "criteria:\n  cloud:\n    scores: {aws: 0}\n"
    file = "orchestrators/metaflow.yaml"
    assert refused(layered, {file: text}) == [
        (f"{tmp_path / file}:4", "scores are changed without evidence")
    ]


def test_a_new_criterion_needs_a_row_from_every_orchestrator(layered):
    text = (
        "criteria:\n  - {id: extra, label: X, weight: 1, concerns: every_team, question: Q?,"
        " choices: {a: A, b: B}, prior: {a: 1}}\n"
    )
    found = refused(layered, {"criteria.yaml": text})
    assert [what for _, what in found] == ["there is no row for extra"] * 3


@pytest.mark.parametrize(
    ("file", "text", "line", "said"),
    [
        ("policy.yaml", "vetoes: [{id: nope, drop: true}]\n", 3, "nope cannot be dropped"),
        ("criteria.yaml", "criteria: [{id: cloud, drop: true}]\n", 3, "cloud cannot be dropped"),
        ("policy.yaml", "vetoes: [{orchestrators: [zenml]}]\n", 3, "an entry has no id"),
        ("policy.yaml", "vetoes: [3]\n", 3, "an entry has no id"),
        ("policy.yaml", "vetos: []\n", 3, "'vetos' is not known here"),
        ("orchestrators/mine.yaml", "id: metaflow\n", 3, "metaflow is defined twice"),
        ("policy.yaml", "vetoes: [{id: a, when: {}}]\n", 3, "a veto needs a condition"),
        ("policy.yaml", "vetoes: [{id: a, when: {cloud: {}}}]\n", 3, "{} is not known here"),
        ("policy.yaml", "vetoes:\n  - id: a\n  - id: a\n    - b\n", 6, "not valid YAML"),
    ],
)
def test_what_will_not_do_is_refused_in_the_layer(layered, tmp_path, file, text, line, said):
    found = refused(layered, {file: text})
    assert (f"{tmp_path / file}:{line}", True) in [(w, said in what) for w, what in found], found


def test_a_file_that_would_not_be_read_and_a_folder_without_rules_are_refused(layered, tmp_path):
    with pytest.raises(RulesError, match="cannot be used"):
        rules.load(rules_dir(), tmp_path)
    with pytest.raises(RulesError, match="cannot be used"):
        rules.load(rules_dir(), tmp_path / "nowhere")
    assert refused(layered, {"criterias.yaml": ""})[0][1] == "would be ignored"


@pytest.mark.slow
def test_every_verb_that_reads_rules_takes_them(tmp_path):
    folder = shutil.copytree(EXAMPLES / "rules", tmp_path / "rules")
    answers = "data_location=restricted"
    ran = mlpo("recommend", "--rules", str(folder), "--set", answers, "--json", cwd=tmp_path)
    assert '"flyte"' in ran.stdout
    assert "data_location" in mlpo("schema", "--rules", str(folder), cwd=tmp_path).stdout
    assert "Flyte" in mlpo("compare", "--rules", str(folder), cwd=tmp_path).stdout
    (folder / "policy.yaml").write_text(HEAD + "tie_break: 3\n", encoding="utf-8")
    ran = mlpo("compare", "--rules", str(folder), "--json", cwd=tmp_path)
    assert (ran.returncode, '"kind": "rules"' in ran.stdout) == (2, True)


hostile = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(IDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "when", "drop", "scores", "weight", *IDS]), inner)
    ),
    max_leaves=8,
)
KEYS = [
    "criteria",
    "vetoes",
    "gates",
    "tie_break",
    "confidence",
    "policy",
    "operate",
    "adjustments",
]


@pytest.mark.slow
@settings(max_examples=150)
@given(
    st.sampled_from(["criteria.yaml", "policy.yaml", "orchestrators/zenml.yaml"]),
    st.dictionaries(st.sampled_from(KEYS), hostile, max_size=3),
)
def test_rules_of_any_shape_are_refused_with_a_place_or_loaded(file, content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        path.parent.mkdir(exist_ok=True)
        head = {"schema_version": 1, "reviewed": "2026-11-23"}
        path.write_text(json.dumps({**head, **content}), encoding="utf-8")
        try:
            rules.load(rules_dir(), Path(folder))
        except RulesError as error:
            assert all(re.search(r":\d+$", problem.where) for problem in error.problems)
