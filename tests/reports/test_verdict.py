"""A report starts with the result, the reason and how sure it is, in words that stand alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from support import RULES, some_answers, some_weights

from mlpo_cli.decision.engine import decide
from mlpo_cli.decision.outcome import Confidence, Need
from mlpo_cli.reports import verdict

GATED = {"existing_kubernetes": "production", "platform_team": "dedicated"}
VARIED = "2,000 variations of the weights and of the open answers"
VERTEX = {"existing_platform": "vertex"}


def headline(answers, weights=None):
    return verdict.write_headline(RULES, decide(RULES, answers, weights))


def with_confidence(label, **shares):
    """A decision for Metaflow with made-up shares of variations."""
    decision = decide(RULES, {"vendor_neutral": "low", "existing_kubernetes": "none"})
    assert decision.orchestrator == "metaflow"
    all_shares = {orchestrator.id: 0.0 for orchestrator in RULES.orchestrators} | shares
    draws, favourite = decision.confidence.draws, max(all_shares, key=lambda id: all_shares[id])
    return replace(
        decision,
        verdict="toss-up" if label == "toss-up" else "recommend",
        confidence=Confidence(label, all_shares["metaflow"], draws, all_shares, favourite),
    )


def test_points_are_a_reason():
    answers = {"vendor_neutral": "low", "existing_kubernetes": "none"}
    assert headline(answers) == (
        "Metaflow, because it fits better than ZenML on Kubernetes today (none) and "
        "Vendor neutrality (low)."
    )


def test_a_gate_in_front_of_another_is_a_reason():
    assert headline(GATED) == (
        "Metaflow, because Kubeflow would come first on points, but a rule stops it: it is "
        "worth its upkeep only where a production Kubernetes cluster serves several teams "
        "(isolated, or sharing GPU quotas) or a platform team runs steps in other languages on "
        "one, or where KFP or Vertex AI is in use already."
    )


def test_a_veto_on_another_is_a_reason():
    answers = {"gpu_scheduling": "tpu", "vendor_neutral": "low", "platform_team": "none"}
    assert headline(answers) == (
        "ZenML, because Metaflow would come first on points, but is ruled out: Metaflow documents "
        "no way to run on TPUs."
    )


def test_a_tie_says_how_it_was_broken():
    answers = {"dev_os": "windows"}
    decision = decide(RULES, answers)
    assert decision.points[decision.orchestrator] == decision.points[decision.runner_up]
    assert headline(answers) == (
        "ZenML, because it has the same points as Kubeflow, and the rules prefer it in a tie."
    )


def test_the_last_one_left_is_a_reason():
    decision = replace(decide(RULES, {"team_size": 3}), runner_up=None, gates=())
    assert verdict.write_headline(RULES, decision) == (
        "Metaflow, because it is the only one that is not ruled out."
    )


def test_none_is_explained_by_the_rule():
    veto = next(veto for veto in RULES.policy.vetoes if veto.id == "single-job")
    assert headline({"workload": "single_job"}) == f"None of these fits. {veto.message}"


def test_none_by_a_rule_for_each_says_so():
    decision = decide(RULES, {"workload": "single_job"})
    vetoes = tuple(
        replace(veto, id=f"rule-{number}") for number, veto in enumerate(decision.vetoes)
    )
    decision = replace(decision, vetoes=vetoes)
    assert verdict.write_headline(RULES, decision) == (
        "None of these fits. Each of them is ruled out, for a reason of its own."
    )
    assert verdict.describe_certainty(RULES, decision).startswith("Rules decide this, not points:")
    assert verdict.summarize(RULES, decision) == (
        "None of these fits. Rules decide this, not points."
    )


def test_a_none_that_an_open_answer_could_lift_has_its_share():
    decision = decide(RULES, {"workload": "single_job"})
    need = Need("existing_platform", ("vertex",), None)
    vetoes = tuple(replace(veto, lifted_by=(need,)) for veto in decision.vetoes)
    assert verdict.describe_certainty(RULES, replace(decision, vetoes=vetoes)) == (
        f"A rule decides this, not points: none fits in 100% of {VARIED}."
    )


def test_nothing_answered_is_the_default_and_says_so():
    decision = decide(RULES, {})
    assert verdict.write_headline(RULES, decision) == "Metaflow, because it is the default."
    assert verdict.describe_certainty(RULES, decision).startswith(
        "Nothing was answered, so this says nothing about the team."
    )
    assert verdict.summarize(RULES, decision) == (
        "Metaflow: the default, because nothing was answered."
    )


@pytest.mark.parametrize(
    ("label", "shares", "sentence", "summary"),
    [
        (
            "robust",
            {"metaflow": 0.96, "zenml": 0.04},
            f"Sure: Metaflow stays first in 96% of {VARIED}.",
            "Metaflow: sure, first in 96% of variations.",
        ),
        (
            "leaning",
            {"metaflow": 0.7, "zenml": 0.3},
            f"Fairly sure: Metaflow stays first in 70% of {VARIED}.",
            "Metaflow: fairly sure, first in 70% of variations.",
        ),
        (
            "leaning",
            {"metaflow": 0.999, "zenml": 0.001},
            f"Fairly sure: Metaflow stays first in over 99% of {VARIED}, but few questions are "
            "answered.",
            "Metaflow: fairly sure, first in over 99% of variations.",
        ),
        (
            "toss-up",
            {"metaflow": 0.5, "zenml": 0.4},
            f"Too close to call: Metaflow stays first in only 50% of {VARIED}.",
            "Metaflow leads: too close to call, first in 50% of variations.",
        ),
        (
            "toss-up",
            {"metaflow": 0.4, "kubeflow": 0.5},
            f"Too close to call: in {VARIED}, Kubeflow comes first more often (50%) than Metaflow "
            "(40%).",
            "Metaflow leads: too close to call, first in 40% of variations, Kubeflow in 50%.",
        ),
    ],
)
def test_how_sure_it_is_has_words_and_the_variations_behind_them(label, shares, sentence, summary):
    decision = with_confidence(label, **shares)
    assert verdict.describe_certainty(RULES, decision) == sentence
    assert verdict.summarize(RULES, decision) == summary


def test_weights_alone_vary_where_nothing_is_open():
    answers = {c.id: next(iter(c.choices), 5) for c in RULES.criteria} | {"workload": "pipeline"}
    sentence = verdict.describe_certainty(RULES, decide(RULES, answers))
    assert "variations of the weights" in sentence
    assert "open answers" not in sentence


def test_what_a_rule_settles_is_not_a_matter_of_variations():
    assert verdict.describe_certainty(RULES, decide(RULES, {"workload": "single_job"})) == (
        "A rule decides this, not points: no open answer can change it."
    )


def test_a_toss_up_names_both_that_are_worth_a_try():
    close = with_confidence("toss-up", metaflow=0.5, zenml=0.4)
    assert verdict.advise(RULES, close).startswith("Try Metaflow and ZenML ")
    other = with_confidence("toss-up", metaflow=0.3, kubeflow=0.5)
    assert verdict.advise(RULES, other).startswith("Try Metaflow and Kubeflow ")
    assert verdict.advise(RULES, with_confidence("robust", metaflow=0.96)) == ""


def test_a_real_leader_that_the_variations_do_not_favour_is_named_with_the_favourite():
    decision = decide(RULES, VERTEX)
    favourite = decision.confidence.favourite
    assert favourite != decision.orchestrator, "a case that tells the two apart"
    sentence = verdict.describe_certainty(RULES, decision)
    for id in (favourite, decision.orchestrator):
        share = decision.confidence.shares[id]
        assert f"{share:.0%}" in sentence
        assert RULES.orchestrator(id).title in sentence


@settings(max_examples=15)
@given(some_answers(), some_weights())
def test_every_sentence_ends_as_one_and_the_summary_fits_a_line(answers, weights):
    decision = decide(RULES, answers, weights)
    for text in (
        verdict.write_headline(RULES, decision),
        verdict.describe_certainty(RULES, decision),
        verdict.summarize(RULES, decision),
    ):
        assert text.endswith(".")
        assert ".." not in text
        assert "none of them" not in text
    assert len(verdict.summarize(RULES, decision)) <= 80
