"""Settings: every problem is named at once, with the file that it is in and the fix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import pytest
from conftest import forget_toy
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from mlpo_kit import PipelineError
from mlpo_kit.config import OPERATIONAL, Project, load_settings, section
from mlpo_kit.config.documents import merge, set_value
from mlpo_kit.config.sections import drop_operational, find_operational
from mlpo_kit.config.settings import check_registry_is_shared, check_settings, read_profile


def fail(profile: str = "local", changes: Sequence[str] = ()) -> str:
    """Return the message that a person reads if the settings are wrong."""
    with pytest.raises(PipelineError) as caught:
        load_settings(profile, changes)
    return str(caught.value)


def test_a_profile_overrides_the_base_and_an_option_overrides_both(toy: Project) -> None:
    (toy.configs / "mine.yaml").write_text("train: {epochs: 5, patience: 2}\n")
    settings = load_settings("mine", ["train.epochs=9"])
    assert (settings.train.epochs, settings.train.patience) == (9, 2)
    assert settings.train.learning_rate == 0.003  # of base.yaml
    assert load_settings(str(toy.configs / "mine.yaml")).train.epochs == 5
    assert read_profile("mine")["train"] == {"epochs": 5, "learning_rate": 0.003, "patience": 2}


@pytest.mark.parametrize("text", ["0123" * 16, "true", "2026-11-28", "12:30", "1_000", "null"])
def test_the_type_of_a_setting_decides_whether_an_option_is_a_text(toy: Project, text: str) -> None:
    changes = [f"ingest.version={text}", "train.fail=true", "ingest.rows=1_000"]
    settings = load_settings("local", changes)
    assert settings.ingest.version == text
    assert (settings.train.fail, settings.ingest.rows) == (True, 1000)
    settings = load_settings("local", [f"ingest={{version: {text}, rows: 7}}"])
    assert (settings.ingest.version, settings.ingest.rows) == (text, 7)


def test_an_invalid_value_is_reported_as_it_was_parsed(toy: Project) -> None:
    """The fallback to text hides no error."""
    assert fail(changes=["train.epochs=2026-11-28", "ingest.version=[1]", "ingest.rows=0"]) == (
        "these settings are wrong:\n"
        "  --set ingest.rows=0: ingest.rows: Input should be greater than or equal to 1\n"
        "  --set ingest.version=[1]: ingest.version: Input should be a valid string\n"
        "  --set train.epochs=2026-11-28: train.epochs: Input should be a valid integer"
    )


def test_every_bad_setting_is_named_at_once_with_its_file_and_line(toy: Project) -> None:
    (toy.configs / "mine.yaml").write_text(
        "train: {epochs: 0, epoch: 3, device: gpu}\n"
        "resources:\n"
        "  # a comment\n"
        "  trian: {cpu: 1}\n"
        "  train:\n"
        "    gpus: 1\n"
        "caching: {always_run: [evalute, register]}\n"
        "trian: {epochs: 1}\n"
    )
    base = toy.configs / "base.yaml"
    base.write_text(base.read_text() + "ingest: {rows: many}\n")
    assert fail("mine", ["evaluate.devise=cpu"]) == (
        "these settings are wrong:\n"
        "  --set evaluate.devise=cpu: evaluate.devise: there is no such setting; "
        "did you mean device?\n"
        "  configs/base.yaml:8: ingest.rows: Input should be a valid integer, unable to parse "
        "string as an integer\n"
        "  configs/mine.yaml:1: train.device: Input should be 'auto', 'cpu', 'cuda' or 'mps'\n"
        "  configs/mine.yaml:1: train.epoch: there is no such setting; did you mean epochs?\n"
        "  configs/mine.yaml:1: train.epochs: Input should be greater than 0\n"
        "  configs/mine.yaml:4: resources.trian: there is no such stage; did you mean train?\n"
        "  configs/mine.yaml:6: resources.train.gpus: there is no such setting; did you mean gpu?\n"
        "  configs/mine.yaml:7: caching.always_run: no cached stage is called 'evalute'; "
        "did you mean evaluate?\n"
        "  configs/mine.yaml:7: caching.always_run: no cached stage is called 'register'; "
        "there is: ingest, preprocess, validate, train, evaluate\n"
        "  configs/mine.yaml:8: trian: there is no such setting; did you mean train?"
    )


def test_a_name_that_stands_twice_is_reported(toy: Project) -> None:
    (toy.configs / "mine.yaml").write_text(
        "train: {epochs: 5}\nregister: {min_accuracy: 0}\ntrain:\n  patience: 3\n  patience: 4\n"
    )
    assert fail("mine") == (
        "configs/mine.yaml:3: train stands here again, after line 1: keep one of them\n"
        "  configs/mine.yaml:5: patience stands here again, after line 4: keep one of them"
    )


def test_a_missing_setting_without_a_default_is_reported(toy: Project) -> None:
    (toy.configs / "base.yaml").write_text("storage_root: .\n")
    assert fail() == "these settings are wrong:\n  project: this setting has no default: set it"


def test_all_contradictions_are_reported_at_once(toy: Project) -> None:
    changes = ["compute=batch", "retention.keep_days=3", "resources={train: {gpu: 2}}"]
    assert fail(changes=changes) == (
        "these settings are wrong:\n"
        "  resources.train requests a GPU, but train may run without one: set train.device: cuda\n"
        "  resources.train.gpu is 2, but train starts 1 process: it must start one for each GPU "
        "(train.processes)\n"
        "  compute is batch, but storage_root, ., is a folder of this machine: set it to a bucket "
        "that all stages can reach, s3://...\n"
        "  caching.max_age_days (14) must be less than retention.keep_days (3)"
    )


def test_settings_may_name_a_stage_that_the_project_adds(toy: Project) -> None:
    pipeline = toy.root / "src" / "toy" / "pipeline.py"
    stage = '    Stage("audit", Validated, report="validate.report"),\n    # These two'
    pipeline.write_text(pipeline.read_text().replace("    # These two", stage))
    forget_toy()
    settings = load_settings("local", ["resources={audit: {cpu: 2}}", "caching.always_run=[audit]"])
    assert settings.resources["audit"].cpu == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train: {epochs: 1", ":2: not valid YAML: expected ',' or '}', but got '<stream"),
        ("a: b: c", ":1: not valid YAML: mapping values are not allowed here"),
        ("- 1", " must hold `name: value` lines"),
        ("text", " must hold `name: value` lines"),
        ("day: 2026-13-01", ": not valid YAML: month must be in 1..12"),
    ],
)
@pytest.mark.parametrize("name", ["base", "local"])
def test_a_file_that_is_no_mapping_is_named(toy: Project, name: str, text: str, words: str) -> None:
    (toy.configs / f"{name}.yaml").write_text(text + "\n")
    assert fail().startswith(f"configs/{name}.yaml{words}")
    assert "\n" not in fail()


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("train.epochs", "'train.epochs' is not of the form section.name=value"),
        ("train..epochs=1", "'train..epochs=1' is not of the form section.name=value"),
        ("=1", "'=1' is not of the form section.name=value"),
        (
            "train.epochs={",
            "'train.epochs={' is not valid YAML after the =: expected",
        ),
    ],
)
def test_an_option_of_another_form_is_explained(toy: Project, assignment: str, words: str) -> None:
    assert fail(changes=[assignment]).startswith(words)


def test_a_misspelled_profile_gets_a_suggestion(toy: Project) -> None:
    assert fail("lokal") == (f"there is no profile 'lokal' in {toy.configs}; did you mean local?")
    assert fail("xyz") == (
        f"there is no profile 'xyz' in {toy.configs}; there is: base, cluster, local, sweep"
    )


def test_a_missing_base_is_named(toy: Project) -> None:
    (toy.configs / "base.yaml").unlink()
    assert fail() == (
        f"there is no {toy.configs}/base.yaml: it holds the settings that profiles change"
    )


def test_a_registry_of_one_machine_is_refused_on_a_cluster(
    toy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    settings = load_settings("cluster")
    with pytest.raises(PipelineError, match="MLFLOW_TRACKING_URI to the MLflow server"):
        check_registry_is_shared(settings)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    check_registry_is_shared(settings)


@section
class Inner:
    """A section in a section."""

    size: int = 1
    threads: Annotated[int, OPERATIONAL] = 1


@section
class Outer:
    """A section."""

    rate: float = 0.1
    wait: Annotated[float, OPERATIONAL] = 1.0
    perhaps: Annotated[int, OPERATIONAL] | None = None
    inner: Inner = Inner()
    other: Inner | None = None
    many: tuple[Inner, ...] = (Inner(),)
    named: dict[str, Inner] = Field(default_factory=dict)
    knobs: Annotated[Inner, OPERATIONAL] = Inner()


def test_operational_settings_are_listed() -> None:
    names = ["outer.wait", "outer.perhaps", "outer.inner.threads", "outer.knobs"]
    assert list(find_operational(Outer, "outer")) == names


def test_operational_settings_are_dropped_wherever_they_are() -> None:
    value = Outer(other=Inner(size=3), named={"a": Inner(size=4)})
    assert drop_operational(value) == {
        "rate": 0.1,
        "inner": {"size": 1},
        "other": {"size": 3},
        "many": [{"size": 1}],
        "named": {"a": {"size": 4}},
    }


documents: Any = st.recursive(
    st.integers() | st.sampled_from(["", "x"]),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
mappings = st.dictionaries(st.sampled_from("abc"), documents, max_size=3)


@given(mappings, mappings)
def test_documents_are_merged_section_by_section(one: Any, two: Any) -> None:
    before = repr((one, two))
    left = merge(one, two)
    assert repr((one, two)) == before  # neither is changed
    assert merge(one, {}) == merge({}, one) == one
    assert merge(left, left) == left
    for key, value in two.items():
        assert left[key] == (merge(one[key], value) if is_both(one.get(key), value) else value)


def is_both(one: Any, two: Any) -> bool:
    return isinstance(one, dict) and isinstance(two, dict)


@given(mappings, st.lists(st.sampled_from("abc"), min_size=1, max_size=3), st.integers())
def test_a_value_that_is_set_is_there(document: Any, place: list[str], value: int) -> None:
    found = set_value(document, f"{'.'.join(place)}={value}")
    for name in place:
        found = found[name]
    assert found == value


def test_checking_a_document_needs_no_file(toy: Project) -> None:
    assert check_settings({"project": "x"}).train.epochs == 20
