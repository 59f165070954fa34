"""MLP202: the old names, and the same names in KFP v1."""

from __future__ import annotations

from checking import PIPELINE, find


def test_the_node_selector_of_v1_has_two_arguments_and_is_left_alone():
    text = PIPELINE + "    train().add_node_selector_constraint('a', 'b')\n"
    assert find(text) == []
    text = PIPELINE + "    train().add_node_selector_constraint('a')\n"
    assert [finding.rule for finding in find(text)] == ["MLP202"]


def test_in_v1_the_names_are_right():
    text = "from kfp import dsl\nx = dsl.ContainerOp('a', 'b:1')\nx.set_gpu_limit(1)\n"
    assert "MLP202" not in {finding.rule for finding in find(text)}
