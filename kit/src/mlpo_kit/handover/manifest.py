"""An exported version: what its manifest says, and where its files belong in a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError
from mlpo_kit.handover.archive import Archive, is_safe_name, make_altered_error, open_archive
from mlpo_kit.runs.pipeline import load_pipeline, read_setting
from mlpo_kit.store.base import SCHEME, Ref

# Members of the file, besides those in RECORDS and FILES.
PAGE = "report.html"
START = "run.json"  # what the run started from
SNAPSHOT = "snapshot.zip"  # its source code
SWEEP = "sweep.json"
RECORDS = "records"  # folder: `<stage>.json`
FILES = "files"  # folder: `<stage>/<file>`, as in the store


@dataclass(frozen=True)
class Manifest:
    """A version and the run that registered it, where they were exported."""

    package: str
    predictor: str  # the function that opens the weights, as PIPELINE names it
    model_name: str
    run_id: str
    version: int
    metric: str  # the gate's metric
    metrics: Mapping[str, float]
    dataset_version: str
    model: str  # the member that holds the weights
    history: str | None  # the member with a line of JSON per epoch
    kit: str  # the version of mlpo-kit that wrote the file

    @property
    def value(self) -> float:
        """The value of the gate's metric."""
        return self.metrics[self.metric]


@dataclass(frozen=True)
class ExportedVersion:
    """A verified file and what its manifest says."""

    archive: Archive
    manifest: Manifest

    @property
    def path(self) -> Path:
        """The file."""
        return self.archive.path

    @property
    def digest(self) -> str:
        """The SHA-256 of the weights, which identifies the version."""
        return self.get_sha256(self.manifest.model)

    @property
    def payloads(self) -> tuple[str, ...]:
        """The members that are payloads in a store: the weights, the lineage, the report page."""
        return (*self.archive.list_members(FILES), PAGE)

    def get_sha256(self, member: str) -> str:
        """Return the SHA-256 of a member."""
        digest: str = self.archive.manifest["members"][member]["sha256"]
        return digest

    def make_ref(self, member: str, run_id: str) -> Ref:
        """Make the reference of a payload in the store; the page is the registering stage's."""
        stage = load_pipeline().highlights.version.partition(".")[0]
        place = f"{stage}/{PAGE}" if member == PAGE else member.removeprefix(f"{FILES}/")
        uri = f"{SCHEME}runs/{run_id}/{place}"
        return Ref(uri, **self.archive.manifest["members"][member])


def open_exported_version(path: Path) -> ExportedVersion:
    """Open a file and verify all of it.

    Raises PipelineError if there is no such file, or it is damaged, altered or of a newer format.
    """
    archive = open_archive(path)
    try:
        manifest = TypeAdapter(Manifest).validate_python(archive.manifest)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise make_altered_error(path, f"{place} in its manifest: {problem['msg']}") from None
    files = archive.list_members(FILES)
    named = {manifest.model, manifest.history or manifest.model}
    is_sound = (
        is_safe_name(manifest.run_id)
        and named <= {*files}
        and PAGE in archive.manifest["members"]
        and all(name.count("/") == 2 for name in files)
        and manifest.metric in manifest.metrics
    )
    if not is_sound:
        raise make_altered_error(path, "its manifest does not fit its members")
    return ExportedVersion(archive, manifest)


def check_project(exported: ExportedVersion, settings: BaseSettings) -> None:
    """Raise PipelineError if a file holds the model of another project."""
    pipeline, manifest = load_pipeline(), exported.manifest
    own_name = read_setting(settings, pipeline.model_name)
    compared = {
        "package": (manifest.package, find_project().package),
        "predictor": (manifest.predictor, pipeline.predictor),
        pipeline.model_name: (manifest.model_name, own_name),
    }
    differences = [
        f"{what} is {theirs!r} there and {own!r} here"
        for what, (theirs, own) in compared.items()
        if theirs != own
    ]
    if differences:
        raise PipelineError(
            f"{exported.path} holds the model of another project: {', '.join(differences)}. Import "
            "it into a clone of the project that exported it"
        )
