"""`mlpo check` as it is used: in a folder, in an editor, in a workflow."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import yaml
from checking import write_files
from support import mlpo as run_mlpo

from mlpo_cli.commands import check as command
from mlpo_cli.errors import UserError

ROOT = Path(__file__).parents[2]
CARD = "from metaflow import current\ncurrent.card.append('x')\n"
GPU = (
    "from kfp import dsl\nfrom kfp.dsl import Output\n\n\ndef pipeline():\n"
    "    train().set_gpu_limit(1)\n"
)


@pytest.fixture
def mlpo(tmp_path):
    """Run the real command line in a folder, with a cache of its own."""
    return partial(run_mlpo, cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / ".cache"))


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    """Run the command in this process; return its exit code and its output."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    monkeypatch.chdir(tmp_path)

    def run(**options: object) -> tuple[int, str]:
        code = command.check(command.Options(**options))  # type: ignore[arg-type]
        return code, capsys.readouterr().out

    return run


@pytest.mark.slow
def test_findings_end_with_1_and_a_clean_folder_with_0(mlpo, tmp_path):
    write_files(tmp_path, {"flow.py": CARD, "other.py": "x = 1\n"})
    found = mlpo("check")
    assert found.returncode == 1
    assert "flow.py:2:21" in found.stdout
    assert max(map(len, found.stdout.splitlines())) <= 80
    assert "\x1b" not in found.stdout
    assert mlpo("check", "other.py").returncode == 0
    assert mlpo("check", "--select", "MLP4").returncode == 0
    coloured = mlpo("check", FORCE_COLOR="1").stdout
    assert "\x1b[1;31mMLP601 error" in coloured.replace("\x1b[0m", "") or "\x1b[" in coloured


@pytest.mark.slow
def test_what_cannot_be_used_ends_with_2_and_says_how_to_fix_it(mlpo, tmp_path):
    write_files(tmp_path, {"flow.py": CARD})
    for arguments, words in (
        (["no.py"], "there is no such file or folder"),
        (["--select", "MLP60l"], "did you mean MLP60"),
        (["--severity", "high"], "use one of: warning, info, error"),
        (["--explain", "MLP999"], "there is no rule MLP999"),
        (["--list", "--format", "sarif"], "cannot be shown as sarif"),
        (["--baseline", "no.json"], "--write-baseline"),
    ):
        ran = mlpo("check", *arguments)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert words in ran.stderr
        assert "fix:" in ran.stderr
    write_files(tmp_path, {"pyproject.toml": "[tool.mlpo.check]\nselect = 3\nignore = ['X']\n"})
    ran = mlpo("check", "--json")
    assert ran.returncode == 2
    assert len(json.loads(ran.stdout)["error"]["problems"]) == 2


def test_fix_changes_what_is_safe_and_reports_the_rest(check, tmp_path):
    write_files(tmp_path, {"flow.py": CARD, "pipeline.py": GPU})
    code, out = check(fix=True)
    assert code == 1
    assert out.splitlines()[-2].startswith("2 fixed. 1 error in 2 files.")
    assert "Markdown('x')" in (tmp_path / "flow.py").read_text()
    assert "train().set_accelerator_limit(1)" in (tmp_path / "pipeline.py").read_text()
    code, out = check(fix=True, unsafe_fixes=True)
    assert (code, out) == (0, "1 fixed. Nothing found in 2 files.\n")
    assert check() == (0, "Nothing found in 2 files.\n")


def test_a_diff_changes_nothing_and_ends_with_1(check, tmp_path):
    write_files(tmp_path, {"flow.py": CARD})
    code, out = check(diff=True, fix=True)
    assert code == 1
    assert "+current.card.append(Markdown('x'))" in out
    assert (tmp_path / "flow.py").read_text() == CARD
    write_files(tmp_path, {"flow.py": "import metaflow\n"})
    assert check(diff=True) == (0, "")


def test_a_baseline_hides_what_is_known(check, tmp_path):
    write_files(tmp_path, {"flow.py": CARD})
    assert check(write_baseline="known.json")[0] == 0
    assert check(baseline="known.json") == (0, "Nothing found in 1 file. 1 in the baseline.\n")
    write_files(tmp_path, {"pyproject.toml": "[tool.mlpo.check]\nbaseline = 'known.json'\n"})
    assert check()[0] == 0
    (tmp_path / "flow.py").write_text(f"{CARD}current.card.append('y')\n")
    assert check()[0] == 1
    with pytest.raises(UserError):
        check(write_baseline="known.json")
    assert check(write_baseline="known.json", overwrite=True)[0] == 0
    assert check()[0] == 0


def test_severity_ignored_rules_and_comments_are_counted(check, tmp_path):
    write_files(tmp_path, {"pipeline.py": GPU.replace("(1)\n", "(1)  # mlpo: ignore[MLP201]\n")})
    assert check(severity="error") == (
        0,
        "Nothing found in 1 file. 1 of lower severity: --severity info. 1 ignored by\ncomments.\n",
    )
    assert check(ignore="MLP202", select="MLP2")[0] == 0


@pytest.mark.slow
def test_an_editor_checks_what_is_not_saved_yet(mlpo, tmp_path):
    write_files(tmp_path, {"names.py": "IMAGE = 'a'\n"})
    text = "from metaflow import batch\nfrom names import IMAGE\nbatch(image=IMAGE)\n"
    ran = mlpo("check", "--stdin-filename", "flow.py", "--json", stdin=text)
    (finding,) = json.loads(ran.stdout)["findings"]
    assert (finding["file"], finding["line"], finding["rule"]) == ("flow.py", 3, "MLP405")
    fixed = mlpo("check", "--stdin-filename", "flow.py", "--fix", stdin=CARD)
    assert fixed.returncode == 0
    assert fixed.stdout.endswith("current.card.append(Markdown('x'))\n")
    assert not (tmp_path / "flow.py").exists()
    assert mlpo("check", "--stdin-filename", "x.txt", stdin=text).returncode == 2


@pytest.mark.slow
def test_rules_are_listed_and_explained(mlpo):
    assert mlpo("check", "--list").stdout.startswith("MLP")
    page = (ROOT / "docs" / "check" / "MLP201.md").read_text(encoding="utf-8")
    assert mlpo("check", "--explain", "mlp201").stdout == page
    document = json.loads(mlpo("check", "--explain", "MLP201", "--json").stdout)
    assert document["rule"]["id"] == "MLP201"
    assert len(json.loads(mlpo("check", "--list", "--json").stdout)["rules"]) >= 7


def test_the_hook_for_pre_commit_runs_this_command():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert (hook["id"], hook["entry"]) == ("mlpo-check", "mlpo check")


def test_nothing_of_what_is_checked_is_executed(check, tmp_path):
    bomb = "open('ran', 'w')\nfrom metaflow import current\nfrom bomb import x\nx.y()\n"
    write_files(tmp_path, {"flow.py": bomb, "bomb.py": "open('ran', 'w')\n", "pyproject.toml": ""})
    assert check()[0] == 0
    assert not (tmp_path / "ran").exists()
