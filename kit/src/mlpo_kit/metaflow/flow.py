"""What every flow of a project has: its profile, its options, and how a step runs its stage."""

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
    """A stage ended for a reason that a person can mend: Metaflow prints it without a traceback."""

    headline = "Stage failed"


def find_default_profile(_: object) -> str:
    """Find the profile of this machine."""
    return str(find_project().configs / "local.yaml")


def parse_config(text: str) -> Document:
    """Merge a profile's text into the base, and check it."""
    with explain_errors():
        return parse_profile(text)


@contextmanager
def explain_errors() -> Iterator[None]:
    """Let Metaflow print what a person can mend, and not where in the code it came up."""
    try:
        yield
    except PipelineError as error:
        raise StageFailed(str(error)) from None


@placement()  # with brackets: without, this name would not be a class but its mutator
@project(name=config_expr("config.project"))
class PipelineFlow(FlowSpec):  # type: ignore[misc]
    """A flow whose steps run the stages of a pipeline.

        class TrainFlow(PipelineFlow):
            pipeline = PIPELINE

            @step(start=True)
            def ingest(self):
                self.ingested = self.run_stage("ingest")
                self.next(self.preprocess)

    A stage's result is kept as its type is called, in small letters (`Ingested`: `self.ingested`);
    the stages after it find their inputs there, as the pipeline says.
    """

    pipeline: Pipeline

    config = Config(
        "config",
        default=find_default_profile,
        parser=parse_config,
        help="The profile, laid over configs/base.yaml.",
    )
    late_changes = Parameter(
        "settings",
        default="",
        help="Other settings for this start, such as: train.epochs=5 train.patience=3",
    )
    no_cache = Parameter(
        "no-cache",
        type=bool,
        is_flag=True,
        default=False,
        help="Use no result of an earlier run.",
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Keep the pipeline out of the artifacts: Metaflow would pickle a plain attribute."""
        super().__init_subclass__(**kwargs)
        found = vars(cls).get("pipeline")
        if isinstance(found, Pipeline):
            cls.pipeline = property(lambda _: found)  # type: ignore[assignment]

    def run_stage(self, name: str, **more: Any) -> Any:
        """Run a stage on what the stages before it handed on; returns its result.

        Behind a gate that refused the candidate it says so, and returns None. Where the step of the
        stage that learns has a card with the id `training`, the loss curves grow there. `more` are
        functions that the stage is given besides.
        """
        run, stage = self.make_run(), self.pipeline[name]
        if (refusal := self._find_refusal(stage)) is not None:
            print(f"{name}: there is nothing to do, as the candidate was refused: {refusal}")
            return None
        watching = self._watch_training(run) if name == self.pipeline.training_stage else {}
        with explain_errors():
            result = run_stage(run, stage, **self.collect_inputs(stage), **watching, **more)
        self._tag_run(stage, result)
        return result

    def look_up(self, name: str) -> str:
        """Look whether an earlier run has the stage's result: `hit`, and it is kept; or `miss`."""
        stage = self.pipeline[name]
        with explain_errors():
            found = reuse_result(self.make_run(), stage, **self.collect_inputs(stage))
        if found is None:
            return MISS
        setattr(self, name_result(self.pipeline, stage), found.result)
        return HIT

    def report(self) -> str:
        """Make the report of this run, as one HTML page."""
        from mlpo_kit.reports.page import build_report_or_reason

        run = self.make_run()
        return build_report_or_reason(run.store, run.id)

    def make_run(self) -> Run:
        """Make the run as the stages see it: the profile, with what was set at the start on top."""
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
        """Collect a stage's inputs from the results that are kept so far."""
        inputs: dict[str, Any] = {}
        for name, taken in stage.inputs.items():
            maker, _, output = taken.partition(".")
            kept = name_result(self.pipeline, self.pipeline[maker])
            if (result := getattr(self, kept, None)) is None:
                raise StageFailed(
                    f"{stage.name} takes {taken}, and there is no self.{kept}: an earlier step "
                    f'says self.{kept} = self.run_stage("{maker}")'
                )
            inputs[name] = getattr(result, output)
        return inputs

    def _find_refusal(self, stage: Stage[Any]) -> str | None:
        """Why the gate refused the candidate in a stage before this one; None where it did not."""
        names = self.pipeline.names
        for name in names[: names.index(stage.name)]:
            result = getattr(self, name_result(self.pipeline, self.pipeline[name]), None)
            verdict = getattr(result, "verdict", None)
            if verdict is not None and not verdict.is_passed:
                return str(verdict.reason)
        return None

    def _watch_training(self, run: Run) -> dict[str, Any]:
        """Who is told of each epoch: the card of this step, where it has one for that."""
        decorators = getattr(type(self), str(current.step_name)).decorators
        cards = [one.attributes.get("id") for one in decorators if one.name == "card"]
        if TRAINING_CARD not in cards:
            return {}
        epochs = getattr(getattr(run.settings, run.pipeline.training_stage), "epochs", None)
        return {"on_epoch": TrainingCard(current.card[TRAINING_CARD], epochs).add_epoch}

    def _tag_run(self, stage: Stage[Any], result: Any) -> None:
        """Tag this run, where its metadata can be seen: a pod does not see that of your machine."""
        if tags := list(_list_tags(self.pipeline.highlights, stage.name, result)):
            with suppress(MetaflowNotFound):
                current.run.add_tags(tags)


def _list_tags(shown: Highlights, stage: str, result: Any) -> Iterator[str]:
    """List the tags by which people find a run: its data, its version, what became of it."""
    texts = {
        shown.dataset: "dataset:{:.12}",
        shown.version: "registered:v{}",
        shown.alias: "deployed",
    }
    for place, text in texts.items():
        name, _, output = place.partition(".")
        if name == stage and (value := getattr(result, output, None)) is not None:
            yield text.format(value)
    verdict = getattr(result, "verdict", None)
    if verdict is not None and not verdict.is_passed:
        yield "refused"


def get_pipeline(flow: type[PipelineFlow]) -> Pipeline:
    """Return the pipeline that a flow was written for."""
    found: Pipeline = flow.pipeline.fget(None)  # type: ignore[attr-defined]
    return found


def name_result(pipeline: Pipeline, stage: Stage[Any]) -> str:
    """Name the artifact of a stage's result: `trained` for Trained.

    Stages that return the same type would overwrite each other: theirs is `<stage>_result`.
    """
    counts = Counter(other.result for other in pipeline.values())
    if counts[stage.result] > 1:
        return f"{stage.name}_result"
    return str(stage.result.__name__.lower())
