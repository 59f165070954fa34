"""Serve a model over HTTP: /predict, /health, and /docs with interactive documentation."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from mlpo_kit.execution.parents import follow_parents
from mlpo_kit.models.ports import listen
from mlpo_kit.models.predictor import Predictor, load_predictor
from mlpo_kit.store.files import hash_file, write_text


class Samples(BaseModel):
    """Raw samples, in the form that ingest writes: nested lists of numbers, or texts."""

    rows: list[Any] = Field(min_length=1, max_length=4096)


def create_app(predictor: Predictor, digest: str, version: int | None = None) -> FastAPI:
    """Create the web application that serves a model; `digest` is the SHA-256 of its file."""
    app = FastAPI(title="Model server")
    health = {"status": "ok", "digest": digest, "version": version, **predictor.describe()}

    @app.get("/health")
    def get_health() -> dict[str, Any]:
        return health

    @app.post("/predict")
    def predict(samples: Samples) -> dict[str, list[Any]]:
        try:
            return predictor.predict(samples.rows)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None

    return app


def serve_model(
    model: Path, host: str, port: int, version: int | None = None, ready: Path | None = None
) -> None:
    """Serve until a signal stops the process.

    Port 0 picks a free port. The URL is written to the file `ready` once the port is open. Raises
    PipelineError if the port can't be used.
    """
    with listen(host, port) as listener:  # first: loading a model takes time
        app = create_app(load_predictor(model), hash_file(model), version)
        url = f"http://{host}:{listener.getsockname()[1]}"
        if ready is not None:
            write_text(ready, url)
        print(f"serving at {url} (try {url}/docs); press Ctrl-C to stop", flush=True)
        config = uvicorn.Config(app, log_level="warning")
        uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    """Serve a model file: `python -m mlpo_kit.models.server --model FILE`, used by `serving`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--ready-file", type=Path)
    chosen = parser.parse_args()
    follow_parents()
    serve_model(chosen.model, chosen.host, chosen.port, ready=chosen.ready_file)


if __name__ == "__main__":
    main()
