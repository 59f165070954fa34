"""YOUR PIPELINE: the stages, what each takes from which stage, and the gate of the registry.

This is the only place that defines it; `make test` compares the orchestrator's file with it.
"""

from mlpo_kit import Gate, Pipeline, Stage

from .stages import (
    Deployed,
    Evaluated,
    Ingested,
    Preprocessed,
    Registered,
    Trained,
    Validated,
)

PIPELINE = Pipeline(
    Stage("ingest", Ingested, source="data:fingerprint"),
    Stage("preprocess", Preprocessed, dataset="ingest.dataset"),
    Stage("validate", Validated, dataset="preprocess.dataset", splits="preprocess.splits"),
    Stage("train", Trained, dataset="preprocess.dataset", splits="preprocess.splits"),
    Stage(
        "evaluate",
        Evaluated,
        model="train.model",
        dataset="preprocess.dataset",
        splits="preprocess.splits",
    ),
    # These two change the registry and what is served, so they always run.
    Stage(
        "register",
        Registered,
        cached=False,
        model="train.model",
        history="train.history",
        report="evaluate.report",
        metrics="evaluate.metrics",
        dataset_version="ingest.version",
    ),
    Stage(
        "deploy",
        Deployed,
        cached=False,
        model="train.model",
        dataset="preprocess.dataset",
        splits="preprocess.splits",
        predictions="evaluate.predictions",
        version="register.version",
    ),
    gate=Gate(
        "evaluate.metrics.accuracy",
        bound="register.min_accuracy",
        margin="register.max_regression",
    ),
    predictor="model:load_predictor",
    package=__package__,
)
