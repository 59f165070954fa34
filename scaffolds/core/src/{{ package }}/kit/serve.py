"""Serve a model over HTTP: /predict, /health, and /docs for people. Managed by mlpo."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path
from typing import Any

import numpy as np
import torch
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from ..model import Classifier, load
from .store import file_digest, write_text


class Samples(BaseModel):
    """Raw samples, as they come out of ingest: nested lists of numbers."""

    rows: list[Any] = Field(min_length=1, max_length=4096)


class Predictions(BaseModel):
    """The likeliest class of each sample, and the probability of every class."""

    labels: list[str]
    probabilities: list[list[float]]


class Health(BaseModel):
    """What is being served."""

    status: str
    digest: str
    version: int | None
    classes: list[str]
    input_shape: list[int]


def create_app(model: Classifier, digest: str, version: int | None = None) -> FastAPI:
    """The web application around a model."""
    app = FastAPI(title="Model server")
    spec = model.spec
    health = Health(
        status="ok",
        digest=digest,
        version=version,
        classes=list(spec.classes),
        input_shape=list(spec.input_shape),
    )

    @app.get("/health")
    def get_health() -> Health:
        return health

    @app.post("/predict")
    def predict(samples: Samples) -> Predictions:
        try:
            x = np.asarray(samples.rows, np.float32)
        except (ValueError, TypeError):
            raise HTTPException(422, "rows must be numbers, all rows of one shape") from None
        if x.shape[1:] != spec.input_shape:
            raise HTTPException(
                422, f"a row must have the shape {spec.input_shape}, these have {x.shape[1:]}"
            )
        if not np.isfinite(x).all():
            raise HTTPException(422, "rows must be finite numbers")
        with torch.inference_mode():
            probabilities = model(torch.from_numpy(x)).softmax(1)
        labels = [spec.classes[i] for i in probabilities.argmax(1).tolist()]
        return Predictions(labels=labels, probabilities=probabilities.tolist())

    return app


def serve(
    model: Path, host: str, port: int, version: int | None = None, ready: Path | None = None
) -> None:
    """Serve until a signal comes. Port 0 takes a free one; `ready` receives the URL."""
    app = create_app(load(model), file_digest(model), version)
    with socket.create_server((host, port)) as listener:
        url = f"http://{host}:{listener.getsockname()[1]}"
        if ready is not None:
            write_text(ready, url)
        print(f"serving at {url} (try {url}/docs); stop with Ctrl-C", flush=True)
        config = uvicorn.Config(app, log_level="warning")
        uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    """`python -m <package>.kit.serve --model FILE`: what the deploy stage starts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--ready-file", type=Path)
    chosen = parser.parse_args()
    serve(chosen.model, chosen.host, chosen.port, ready=chosen.ready_file)


if __name__ == "__main__":
    main()
