"""The small project on ZenML, started as a user does, and ZenML's records of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from conftest import copy_toy

# What these tests import of ZenML in their own process reads no one's settings.
os.environ["ZENML_CONFIG_PATH"] = tempfile.mkdtemp(prefix="zenml-")
os.environ["ZENML_ANALYTICS_OPT_IN"] = "false"

KIT = Path(__file__).parents[2] / "src"

OPEN = """
import json, sys
from pathlib import Path
from mlpo_kit.zenml.environment import use_local_store
home = use_local_store(Path(sys.argv[1]), Path.cwd())
from mlpo_kit.zenml.local_store import open_local_store
from zenml.client import Client
"""
KEEP = """
from zenml import add_tags
with open_local_store(home):
    add_tags(tags=["keep"], run=sys.argv[2])
"""
# What ZenML knows, after the kit's own opening of its store, as one JSON document.
RECORDS = """
with open_local_store(home):
    client = Client()
    runs = client.list_pipeline_runs(hydrate=True)
    document = {
        "runs": {
            run.name: {
                "status": run.status.value,
                "tags": sorted(tag.name for tag in run.tags),
                "steps": {
                    name: {
                        "status": step.status.value,
                        "failure": step.run_metadata.get("failure"),
                        "metadata": dict(step.run_metadata),
                        "outputs": {
                            kind: [
                                made.materializer.attribute,
                                len(made.visualizations or []),
                                made.run_metadata.get("sha256"),
                                made.type.value,
                            ]
                            for kind, (made,) in step.outputs.items()
                        },
                        "cores": step.config.resource_settings.cpu_count,
                        "retries": step.config.retry.max_retries if step.config.retry else None,
                    }
                    for name, step in run.steps.items()
                },
            }
            for run in runs
        },
        "versions": {
            model.name: {
                version.name: {
                    "digest": version.run_metadata["digest"],
                    "weights": version.run_metadata.get("weights"),
                    "artifacts": [
                        link.artifact_version.artifact.name
                        for link in client.list_model_version_artifact_links(
                            model_version_id=version.id
                        )
                    ],
                }
                for version in client.list_model_versions(model.name, hydrate=True)
            }
            for model in client.list_models()
        },
        "artifacts": client.list_artifact_versions().total,
    }
print(json.dumps(document, default=str))
"""


class Zen:
    """The small project with its own home, for a user with another ZenML and without a name."""

    def __init__(self, folder: Path) -> None:
        self.project = copy_toy(folder, "zenml")
        self.root = self.project.root
        self.home = folder / "home"
        self.home.mkdir()

    def write(self, **sections: Any) -> None:
        """Write the profile `local`."""
        (self.root / "configs" / "local.yaml").write_text(yaml.safe_dump(sections))

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file of the project."""
        path = self.root / name
        text = path.read_text()
        assert old in text, f"{name} does not hold {old!r}"
        path.write_text(text.replace(old, new))

    def start(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        """Start Python in the project."""
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=self.root,
            env=self.make_environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def make_environment(self, **variables: str) -> dict[str, str]:
        """Make the environment of a user with another ZenML."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("USER", "USERNAME", "LOGNAME", "MLFLOW_TRACKING_URI")
            and not name.startswith(("ZENML_", "MLPO_KIT_"))
        }
        return environment | {
            "HOME": str(self.home),
            "ZENML_CONFIG_PATH": str(self.home / "elsewhere"),
            "ZENML_STORE_URL": "http://127.0.0.1:9",
            "PYTHONPATH": os.pathsep.join([str(KIT), str(self.root / "src")]),
            "MLPO_KIT_TRACKING": "off",
            **variables,
        }

    def python(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Start Python and wait for its end."""
        with self.start(*command, **variables) as process:
            out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def kit(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Call the command line, whose first argument is the verb."""
        return self.python("-m", "mlpo_kit.cli", *arguments, **variables)

    def run(self, *arguments: str) -> dict[str, Any]:
        """Run the pipeline, which must exit with 0; return the run's summary."""
        done = self.kit("run", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        return self.latest()

    def records(self) -> Any:
        """Read ZenML's records."""
        done = self.python("-c", OPEN + RECORDS, str(self.root))
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def keep(self, run_id: str) -> None:
        """Tag a run `keep` in ZenML."""
        done = self.python("-c", OPEN + KEEP, str(self.root), run_id)
        assert done.returncode == 0, done.stdout + done.stderr

    def prune(self) -> Any:
        """Prune by the profile's retention policy; return the plan."""
        done = self.kit("prune", "--apply", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def caches(self) -> list[str]:
        """Read the cache state of each stage of the newest run: hit, miss or off."""
        return [stage["cache"] for stage in self.latest()["stages"]]

    def latest(self) -> Any:
        return json.loads((self.root / "runs" / "latest.json").read_text())


def set_values(*changes: str) -> Sequence[str]:
    """The options that change settings."""
    return [word for change in changes for word in ("--set", change)]


def forget_pipeline() -> None:
    """Make the next import of the pipeline file and of the steps read the project again."""
    for name in ("pipeline", "pipeline.training", "mlpo_kit.zenml.steps"):
        sys.modules.pop(name, None)
