"""Runs over files: which are checked, results of earlier runs, several processes, fixes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from checking import write_files

from mlpo_cli.check import cache as caches
from mlpo_cli.check import run as runs
from mlpo_cli.check.rewrite import rewrite, write
from mlpo_cli.check.run import Job, check_files, read_job
from mlpo_cli.check.walk import Configs, list_files
from mlpo_cli.errors import UserError

CARD = "from metaflow import current\ncurrent.card.append('x')\n"
IMAGE = "from metaflow import batch\nfrom names import IMAGE\nbatch(image=IMAGE)\n"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    monkeypatch.chdir(tmp_path)


def run(*paths: str) -> dict[str, list[str]]:
    """Check paths; return the rules by file, for the files that use an SDK."""
    configs = Configs({})
    results = check_files(list_files(paths, configs), configs)
    return {
        path.relative_to(Path.cwd()).as_posix(): [finding.rule for finding in result.findings]
        for path, result in results
        if result.is_relevant
    }


def test_folders_are_searched_without_hidden_ones_environments_and_what_is_excluded(tmp_path):
    names = ["a.py", "b/c.py", ".hidden/d.py", "venv/e.py", "env/f.py", "old/g.py", "b/h_gen.py"]
    write_files(tmp_path, dict.fromkeys(names, CARD))
    write_files(tmp_path, {"env/pyvenv.cfg": "", "x.txt": CARD, "x.json": CARD})
    config = "[tool.mlpo.check]\nexclude = ['old', '*_gen.py']\n"
    write_files(tmp_path, {"pyproject.toml": config})
    assert list(run()) == ["a.py", "b/c.py"]
    assert list(run("old/g.py", "b", "b/c.py")) == ["old/g.py", "b/c.py"]


def test_paths_that_cannot_be_checked_are_all_named(tmp_path):
    write_files(tmp_path, {"x.txt": ""})
    with pytest.raises(UserError) as refused:
        list_files(["no.py", "x.txt", "."], Configs({}))
    assert [problem.where for problem in refused.value.problems] == ["no.py", "x.txt"]


def test_of_large_files_only_those_that_may_matter_are_said_to_be_left_out(tmp_path):
    large = "# a manifest\n" * 50_000
    write_files(tmp_path, {"crd.yaml": large, "a.yaml": f"{large}pipelineInfo: {{}}\n"})
    configs = Configs({})
    results = {path.name: result for path, result in check_files(list_files([], configs), configs)}
    assert results["crd.yaml"].skipped == ""
    assert "KiB" in results["a.yaml"].skipped


def test_the_nearest_configuration_counts(tmp_path):
    write_files(
        tmp_path,
        {
            "pyproject.toml": "[project]\nrequires-python = '>=3.10'\n"
            "[tool.mlpo.check]\nignore = ['MLP4']\n",
            "a/pyproject.toml": "[project]\nrequires-python = '>=3.9'\n",
            "b/pyproject.toml": "[tool.mlpo.check]\nignore = ['MLP6']\n",
        },
    )
    configs = Configs({"select": ("MLP9",)})
    a, b = configs.find(tmp_path / "a"), configs.find(tmp_path / "b" / "c")
    assert (a.ignore, a.target, a.select) == (("MLP4",), (3, 9), ("MLP9",))
    assert (b.ignore, b.folder) == (("MLP6",), tmp_path / "b")


def test_a_second_run_reads_no_code_again(tmp_path, monkeypatch):
    write_files(tmp_path, {"a.py": CARD, "b.py": "import os\n"})
    first = run()
    monkeypatch.setattr(runs, "check_data", lambda *arguments: pytest.fail("checked again"))
    assert run() == first == {"a.py": ["MLP601"]}


def test_a_change_of_a_file_or_of_what_it_imports_is_noticed(tmp_path):
    write_files(tmp_path, {"a.py": IMAGE, "names.py": "IMAGE = 'a:1'\n"})
    assert run() == {"a.py": []}
    write_files(tmp_path, {"names.py": "IMAGE = 'a:latest'\n"})
    assert run() == {"a.py": ["MLP405"]}
    (tmp_path / "names.py").unlink()
    assert run() == {"a.py": []}
    write_files(tmp_path, {"names.py": "IMAGE = 'a'\n"})
    assert run() == {"a.py": ["MLP405"]}
    write_files(tmp_path, {"a.py": "import metaflow\n"})
    assert run() == {"a.py": []}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"engine": 3}', "broken"])
def test_a_broken_cache_is_made_anew(tmp_path, content):
    write_files(tmp_path, {"a.py": CARD})
    run()
    (file,) = caches.find_folder().iterdir()
    if content == "broken":
        document = json.loads(file.read_text())
        document["entries"] = {str(tmp_path / "a.py"): {"key": 3}}
        content = json.dumps(document)
    file.write_text(content)
    assert run() == run() == {"a.py": ["MLP601"]}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    write_files(tmp_path, {"a.py": CARD})
    (tmp_path / ".cache").mkdir(mode=0o500)
    assert run() == {"a.py": ["MLP601"]}


def test_several_processes_find_what_one_finds(tmp_path, monkeypatch):
    write_files(tmp_path, {f"{n}.py": CARD if n % 2 else IMAGE for n in range(9)})
    write_files(tmp_path, {"names.py": "IMAGE = 'a'\n"})
    monkeypatch.setattr(runs, "PARALLEL_BYTES", 0)
    together = run()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".other"))
    monkeypatch.setattr(runs, "PARALLEL_BYTES", 10**9)
    assert together == run()
    assert sum(map(len, together.values())) == 9


def fix(path: Path, with_unsafe: bool = False) -> int:
    job = read_job(path, (3, 12))
    assert isinstance(job, Job)
    rewritten = rewrite(job, list, with_unsafe)
    if rewritten.fixed:
        write(rewritten)
    return rewritten.fixed


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_fixed_file_keeps_its_encoding_its_line_ends_and_its_mode(tmp_path, encoding, newline):
    text = f"# coding: {encoding}\n# ä\nfrom metaflow import current\ncurrent.card.append('é') # ü"
    path = tmp_path / "a.py"
    path.write_bytes(text.replace("\n", newline).encode(encoding))
    path.chmod(0o755)
    (tmp_path / "link.py").symlink_to(path)
    assert fix(tmp_path / "link.py") == 1
    expected = text.replace("current\n", "current\nfrom metaflow.cards import Markdown\n")
    expected = expected.replace("'é'", "Markdown('é')")
    assert path.read_bytes() == expected.replace("\n", newline).encode(encoding)
    assert path.stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "link.py").is_symlink()


def test_edits_at_one_place_are_made_in_several_rounds(tmp_path):
    path = tmp_path / "a.py"
    head = "from kfp import dsl\nfrom kfp.dsl import Output\n"
    path.write_text(f"{head}def p():\n    train().set_gpu_limit(1)\n")
    assert fix(path) == 1
    assert fix(path, with_unsafe=True) == 1
    assert 'train().set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1)' in (
        path.read_text()
    )
    assert fix(path, with_unsafe=True) == 0
