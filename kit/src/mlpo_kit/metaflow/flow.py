"""The base class of a project's flow: its profile, its options, and how a step runs a stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from metaflow import Config, FlowSpec, Parameter, config_expr, current, project
from metaflow.exception import MetaflowException, MetaflowNotFound

from mlpo_kit.config.documents import Document
from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import check_settings, parse_profile
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.runner import reuse_result, run_stage
from mlpo_kit.metaflow.cards import TRAINING_CARD, TrainingCard
from mlpo_kit.metaflow.placement import placement
from mlpo_kit.runs.changes import apply_changes, parse_changes
from mlpo_kit.runs.pipeline import Highlights, Pipeline, Stage
from mlpo_kit.runs.workspace import Run

HIT, MISS = "hit", "miss"


class StageFailed(MetaflowException):  # type: ignore[misc]
    """A stage failed with an error that the user can fix; Metaflow prints it without traceback."""

    headline = "Stage failed"


def find_default_profile(_: object) -> str:
    """Return the path of the profile `local`."""
    return str(find_project().configs / "local.yaml")


def parse_config(text: str) -> Document:
    """Merge a profile's text into configs/base.yaml and check the result."""
    with explain_errors():
        return parse_profile(text)


@contextmanager
def explain_errors() -> Iterator[None]:
    """Turn PipelineError into StageFailed, which Metaflow prints without a traceback."""
    try:
        yield
    except PipelineError as error:
        raise StageFailed(str(error)) from None


@placement()  # the parentheses are needed: without them the name would be bound to the mutator
@project(name=config_expr("config.project"))
class PipelineFlow(FlowSpec):  # type: ignore[misc]
    """A flow whose steps run the stages of a pipeline.

        class TrainFlow(PipelineFlow):
            pipeline = PIPELINE

            @step(start=True)
            def ingest(self):
                self.ingested = self.run_stage("ingest")
                self.next(self.preprocess)

    Keep a stage's result in the attribute named after its type in lower case (`Ingested`:
    `self.ingested`). Later stages take their inputs from there, as PIPELINE says.
    """

    pipeline: Pipeline

    config = Config(
        "config",
        default=find_default_profile,
        parser=parse_config,
        help="The profile; its values override configs/base.yaml.",
    )
    late_changes = Parameter(
        "settings",
        default="",
        help="Settings to change for this run, such as: train.epochs=5 train.patience=3",
    )
    no_cache = Parameter(
        "no-cache",
        type=bool,
        is_flag=True,
        default=False,
        help="Do not reuse results of earlier runs.",
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Keep the pipeline out of the artifacts: Metaflow would pickle a plain attribute."""
        super().__init_subclass__(**kwargs)
        pipeline = vars(cls).get("pipeline")
        if isinstance(pipeline, Pipeline):
            cls.pipeline = property(lambda _: pipeline)  # type: ignore[assignment]

    def run_stage(self, name: str, **hooks: Any) -> Any:
        """Run a stage on the results of earlier stages and return its result.

        Returns None, with a message, if the gate has refused the candidate. If the step of the
        training stage has a card with the id `training`, that card shows the loss curves. `hooks`
        are functions to pass to the stage, such as `launch`.
        """
        run, stage = self.make_run(), self.pipeline[name]
        if (refusal := self._find_refusal(stage)) is not None:
            print(f"{name}: nothing to do, as the candidate was refused: {refusal}")
            return None
        observers = self._watch_training(run) if name == self.pipeline.training_stage else {}
        with explain_errors():
            result = run_stage(run, stage, **self.collect_inputs(stage), **observers, **hooks)
        self._tag_run(stage, result)
        return result

    def look_up(self, name: str) -> str:
        """Look for the stage's result in earlier runs: `hit` (and keep the result) or `miss`."""
        stage = self.pipeline[name]
        with explain_errors():
            hit = reuse_result(self.make_run(), stage, **self.collect_inputs(stage))
        if hit is None:
            return MISS
        setattr(self, name_result(self.pipeline, stage), hit.result)
        return HIT

    def report(self) -> str:
        """Build the report of this run as one HTML page."""
        from mlpo_kit.reports.page import build_report_or_reason

        run = self.make_run()
        return build_report_or_reason(run.store, run.id)

    def make_run(self) -> Run:
        """Make the Run for the stages: the profile with the changes given at the start."""
        with explain_errors():
            document: Document = self.config.to_dict()
            changes = parse_changes(self.late_changes or "")
            changed = apply_changes(document, changes, [f"{self.pipeline.training_stage}.nodes"])
            return Run(
                id=str(current.run_id),
                orchestrator="metaflow",
                settings=check_settings(changed),
                resumes=current.origin_run_id,
                use_cache=not self.no_cache,
                pipeline=self.pipeline,
            )

    def collect_inputs(self, stage: Stage[Any]) -> dict[str, Any]:
        """Collect a stage's inputs from the results that earlier steps kept."""
        inputs: dict[str, Any] = {}
        for name, source in stage.inputs.items():
            producer, _, output = source.partition(".")
            attribute = name_result(self.pipeline, self.pipeline[producer])
            if (result := getattr(self, attribute, None)) is None:
                raise StageFailed(
                    f"{stage.name} takes {source}, but there is no self.{attribute}: write "
                    f'self.{attribute} = self.run_stage("{producer}") in an earlier step'
                )
            inputs[name] = getattr(result, output)
        return inputs

    def _find_refusal(self, stage: Stage[Any]) -> str | None:
        """Return why an earlier stage refused the candidate; None if none did."""
        names = self.pipeline.names
        for name in names[: names.index(stage.name)]:
            result = getattr(self, name_result(self.pipeline, self.pipeline[name]), None)
            verdict = getattr(result, "verdict", None)
            if verdict is not None and not verdict.is_passed:
                return str(verdict.reason)
        return None

    def _watch_training(self, run: Run) -> dict[str, Any]:
        """Return `on_epoch`, which fills this step's training card; empty if there is no card."""
        decorators = getattr(type(self), str(current.step_name)).decorators
        cards = [item.attributes.get("id") for item in decorators if item.name == "card"]
        if TRAINING_CARD not in cards:
            return {}
        epochs = getattr(getattr(run.settings, run.pipeline.training_stage), "epochs", None)
        return {"on_epoch": TrainingCard(current.card[TRAINING_CARD], epochs).add_epoch}

    def _tag_run(self, stage: Stage[Any], result: Any) -> None:
        """Tag this run, unless its metadata is out of reach: a pod can't see your machine's."""
        if tags := list(_list_tags(self.pipeline.highlights, stage.name, result)):
            with suppress(MetaflowNotFound):
                current.run.add_tags(tags)


def _list_tags(highlights: Highlights, stage: str, result: Any) -> Iterator[str]:
    """List the tags for a run: its dataset, its model version, and `deployed` or `refused`."""
    templates = {
        highlights.dataset: "dataset:{:.12}",
        highlights.version: "registered:v{}",
        highlights.alias: "deployed",
    }
    for place, template in templates.items():
        name, _, output = place.partition(".")
        if name == stage and (value := getattr(result, output, None)) is not None:
            yield template.format(value)
    verdict = getattr(result, "verdict", None)
    if verdict is not None and not verdict.is_passed:
        yield "refused"


def get_pipeline(flow: type[PipelineFlow]) -> Pipeline:
    """Return the pipeline of a flow class."""
    pipeline: Pipeline = flow.pipeline.fget(None)  # type: ignore[attr-defined]
    return pipeline


def name_result(pipeline: Pipeline, stage: Stage[Any]) -> str:
    """Name the artifact of a stage's result: `trained` for Trained.

    If several stages return the same type, the name is `<stage>_result`.
    """
    counts = Counter(other.result for other in pipeline.values())
    if counts[stage.result] > 1:
        return f"{stage.name}_result"
    return str(stage.result.__name__.lower())
