"""Setting up behind a private index, as docs/behind-a-proxy.md says: nothing else is asked.

The scripts are the real ones. The locks they install are cut down to what is small, and every
other host is out of reach.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from projects import MINIMAL, generate
from set_up import replace_kit
from simple_index import invented, pin, publish, repacked, served

from mlpo_kit.setup import vendored

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
BACKEND = (
    "editables",
    "hatchling",
    "packaging",
    "pathspec",
    "pluggy",
    "tomlkit",
    "trove-classifiers",
)
NOT_OURS = ("PIP_", "UV_", "SSL_", "REQUESTS_", "CURL_")  # what this machine may be told
HOMES = ("scripts", "vendor")  # of setup scripts, in what they set up
LOGIN = "team:s3cret-word"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    built = [repacked(name, folder) for name in (*BACKEND, "uv")]
    built += [invented("probe", "1.0", folder), invented("torch", "1.0+cpu", folder)]
    return {wheel.name.split("-")[0].replace("_", "-"): wheel for wheel in built}


def lock(*wheels: Path) -> str:
    return "".join(map(pin, wheels))


@pytest.fixture
def project(wheels, tmp_path) -> Path:
    """A generated project whose locks are short, built by what is at hand."""
    made = generate(tmp_path, *MINIMAL)
    small = lock(*(wheels[name] for name in (*BACKEND, "probe")))
    for name, text in {
        "requirements.lock": small,
        "requirements-cuda.lock": f"{small}torch==1.0\n",
        "requirements-dev.lock": "",
    }.items():
        (made.path / name).write_text(text)
    replace_kit(made.path, {"src/mlpo_kit/setup/uv.lock": pin(wheels["uv"]).encode()})
    made.edit("pyproject.toml", 'requires = ["setuptools>=77"]', "requires = []")
    made.edit("pyproject.toml", '"setuptools.build_meta"', '"hatchling.build"')
    return made.path


def installer(project: Path) -> Path:
    """What `make setup` runs: in the wheel that is there by then."""
    (wheel,) = (project / "vendor").glob("*.whl")
    return wheel / "mlpo_kit" / "setup"


def install(
    script: Path, folder: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a setup script as on a machine that reaches this one only."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(NOT_OURS)}
    nowhere = "http://127.0.0.1:9"
    environment = {
        **{**keep, "HOME": str(folder), "UV_CACHE_DIR": str(folder / "cache")},
        **{"http_proxy": nowhere, "https_proxy": nowhere, "all_proxy": nowhere},
        **{"no_proxy": "127.0.0.1", "PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0", "DEVICE": "cpu"},
        "PIP_CONFIG_FILE": os.devnull,
    }
    return subprocess.run(
        [sys.executable, script, *arguments], env={**environment, **variables},
        cwd=next(p.parent for p in script.parents if p.name in HOMES),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def has(folder: Path, *modules: str) -> bool:
    """Whether the environment in a folder has all of these modules."""
    python = folder / ".venv" / "bin" / "python"
    return not subprocess.run(
        [python, "-c", f"import {', '.join(modules)}"], check=False
    ).returncode


def test_a_project_is_set_up_from_the_index_in_pips_configuration(wheels, project, tmp_path):
    publish(list(wheels.values()), tmp_path / "simple")
    configuration = tmp_path / "pip.conf"
    with served(tmp_path) as (host, delivered):
        configuration.write_text(f"[global]\nindex-url = http://{host}/simple/\n")
        script = installer(project)
        done = install(script, tmp_path, PIP_CONFIG_FILE=str(configuration))
    assert done.returncode == 0, done.stdout + done.stderr
    assert has(project, "uv", "probe", "torch", "mlpo_kit", "my_project")
    for name in ("uv", "probe", "torch"):
        assert f"/simple/{name}/" in " ".join(delivered)


@pytest.mark.full
def test_uv_and_torch_may_have_indexes_of_their_own(wheels, project, tmp_path):
    publish([wheels["uv"]], tmp_path / "pip")
    publish([wheels[name] for name in (*BACKEND, "probe")], tmp_path / "uv")
    publish([wheels["torch"]], tmp_path / "torch")
    with served(tmp_path) as (host, _):
        done = install(
            installer(project), tmp_path,
            PIP_INDEX_URL=f"http://{host}/pip/", UV_DEFAULT_INDEX=f"http://{host}/uv/",
            TORCH_INDEX=f"http://{host}/torch/",
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert has(project, "uv", "probe", "torch")


@pytest.mark.full
def test_everything_goes_through_a_proxy(wheels, project, tmp_path):
    publish(list(wheels.values()), tmp_path / "simple")
    with served(tmp_path) as (host, delivered):
        done = install(
            installer(project), tmp_path,
            PIP_INDEX_URL="http://packages.example/simple/", PIP_TRUSTED_HOST="packages.example",
            http_proxy=f"http://{host}",
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert has(project, "uv", "probe", "torch")
    assert all(address.startswith("http://packages.example/simple/") for address in delivered)


def certified(folder: Path) -> tuple[Path, Path]:
    """The certificate of an authority of one's own; key and certificate of 127.0.0.1 by it."""
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"]
    signed = ["-CA", "authority.pem", "-CAkey", "authority.key"]
    leaf = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"]
    for command in (
        [*new, "/CN=authority", "-keyout", "authority.key", "-out", "authority.pem"],
        [*new, "/CN=index", *signed, *leaf, "-keyout", "index.key", "-out", "index.pem"],
    ):
        subprocess.run(command, cwd=folder, capture_output=True, check=True)
    both = folder / "both.pem"
    both.write_text((folder / "index.key").read_text() + (folder / "index.pem").read_text())
    return folder / "authority.pem", both


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
@pytest.mark.full
def test_a_certificate_of_ones_own_is_trusted_where_it_is_named(wheels, project, tmp_path):
    publish(list(wheels.values()), tmp_path / "simple")
    authority, both = certified(tmp_path)
    script = installer(project)
    with served(tmp_path, certificate=both) as (host, _):
        index = {"PIP_INDEX_URL": f"https://{host}/simple/"}
        refused = install(script, tmp_path, **index)
        named = {"PIP_CERT": str(authority), "SSL_CERT_FILE": str(authority)}
        done = install(script, tmp_path, **index, **named)
    assert refused.returncode == 1
    assert "certificate" in refused.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert has(project, "uv", "probe", "torch")


@pytest.mark.full
def test_a_login_in_netrc_is_used(wheels, project, tmp_path):
    publish(list(wheels.values()), tmp_path / "simple")
    user, password = LOGIN.split(":")
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login {user} password {password}\n")
    netrc.chmod(0o600)
    with served(tmp_path, LOGIN) as (host, _):
        url = f"http://{host}/simple/"
        done = install(installer(project), tmp_path, PIP_INDEX_URL=url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert has(project, "uv", "probe", "torch")


@pytest.mark.full
def test_a_password_in_the_indexs_address_is_used_and_written_nowhere(wheels, project, tmp_path):
    publish([wheel for name, wheel in wheels.items() if name != "torch"], tmp_path / "simple")
    with served(tmp_path, LOGIN) as (host, delivered):
        url = f"http://{LOGIN}@{host}/simple/"
        done = install(installer(project), tmp_path, PIP_INDEX_URL=url)
    assert any("/probe/" in path for path in delivered)
    assert done.returncode == 1
    assert "name an index that has it" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
    files = [path for path in project.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if b"s3cret" in path.read_bytes()] == []


LOCKS = ("requirements.lock", "requirements-cuda.lock", "requirements-dev.lock")


def test_locks_are_resolved_with_the_kit_in_vendor_which_keeps_a_lock_of_its_own(
    wheels, project, tmp_path
):
    """Another kit, which nothing pins yet, needs `probe`; the project needs the kit alone."""
    before = (project / "requirements-kit.lock").read_text()
    wheel = replace_kit(project, {"pyproject.toml": NEEDS_PROBE.encode()})
    (project / "requirements-kit.lock").write_text(before)
    (project / "pyproject.toml").write_text(NEEDS_KIT)
    publish([wheels["uv"]], tmp_path / "simple")
    old = {name: (project / name).read_text() for name in LOCKS}
    with served(tmp_path) as (host, _):
        index = {"PIP_INDEX_URL": f"http://{host}/simple/"}
        refused = install(installer(project), tmp_path, "lock", **index)
        kept = {name: (project / name).read_text() for name in LOCKS}
        publish([wheels["probe"]], tmp_path / "simple")
        done = install(installer(project), tmp_path, "lock", UV_NO_CACHE="1", **index)
    assert refused.returncode == 1
    assert "requirements-cuda.lock could not be resolved" in refused.stderr
    assert kept == old
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "requirements-kit.lock").read_text() == vendored.make_pin(wheel) != before
    for name in LOCKS[:2]:
        assert (project / name).read_text() == pin(wheels["probe"])
    assert (project / LOCKS[2]).read_text() == ""
    assert not list(project.glob(".locks-*"))


NEEDS_KIT = """
[project]
name = "my-project"
version = "1"
requires-python = ">=3.10"
dependencies = ["mlpo-kit>=0.2.0.dev0,<0.3"]
[dependency-groups]
dev = []
"""
NEEDS_PROBE = """
[project]
name = "mlpo-kit"
description = "needs little"
license = "Apache-2.0"
license-files = ["LICENSE"]
requires-python = ">=3.10"
keywords = []
classifiers = []
dependencies = ["probe>=1"]
[project.optional-dependencies]
[tool.wheel_builder]
version = "0.2.0.dev0"
"""


def test_a_file_that_is_not_the_locked_one_is_refused(wheels, project, tmp_path):
    publish(list(wheels.values()), tmp_path / "simple")
    publish(
        [invented("probe", "1.0", tmp_path, b"print('not what was locked')")], tmp_path / "simple"
    )
    with served(tmp_path) as (host, _):
        url = f"http://{host}/simple/"
        done = install(installer(project), tmp_path, PIP_INDEX_URL=url)
    assert done.returncode == 1
    assert "hash" in done.stderr.lower()
    assert not has(project, "probe")


def test_mlpo_itself_is_set_up_from_it(wheels, tmp_path):
    checkout = tmp_path / "checkout"
    for name in ("src", "rules", "scaffolds", "scripts"):
        shutil.copytree(ROOT / name, checkout / name)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, checkout)
    names = (*BACKEND, "probe")
    (checkout / "requirements-dev.lock").write_text(lock(*(wheels[name] for name in names)))
    publish([wheels[name] for name in names], tmp_path / "simple")
    with served(tmp_path) as (host, _):
        url = f"http://{host}/simple/"
        done = install(checkout / "scripts" / "setup.py", tmp_path, PIP_INDEX_URL=url)
    # Its dependencies are not in the short lock: to be there is all that it can do.
    assert done.returncode == 0, done.stdout + done.stderr
    assert has(checkout, "probe", "mlpo_cli")


def test_the_page_names_only_variables_that_are_tried_here():
    page = (ROOT / "docs" / "behind-a-proxy.md").read_text(encoding="utf-8")
    here = Path(__file__).read_text(encoding="utf-8").upper()
    named = set(re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)+\b", page))
    assert {name for name in named if name not in here} <= {"REQUESTS_CA_BUNDLE"}
