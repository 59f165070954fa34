"""Names, settings and rules that nobody should write are refused, or end up as harmless text."""

from __future__ import annotations

import json
import keyword
import re
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from support import IDS, RULES, Output

from mlpo_cli import rules, scaffold
from mlpo_cli.__main__ import main
from mlpo_cli.answers.project import DEFAULTS, ProjectSettings, check
from mlpo_cli.decision.engine import decide
from mlpo_cli.errors import RulesError, as_text
from mlpo_cli.reports import adr, html, terminal
from mlpo_cli.resources import rules_dir
from mlpo_cli.scaffold import Generated, Provenance, generate

pytestmark = pytest.mark.slow

NASTY = [
    "..", "../x", "/etc/passwd", "a/../../b", "\\\\host\\share", "C:\\x", "~", "~root", "$HOME",
    "$(touch x)", "`touch x`", "; touch x", "| sh", "&& x", "> x", "{{ 7 * 7 }}", "{% raw %}",
    "{# x #}", "!!python/object/apply:os.system", "&a", "*a", ": ", "# x", "'", '"', "\\", "%s",
    "<script>alert(1)</script>", "](javascript:alert(1))", "\n# Heading", "\r", "\t", "\x00",
    "\x1b[31m", "\x07", "\x7f", "\x85", "\u2028", "\u202e", "\u2066", "\u200b", "\ufeff",
    "\uff41", "\u0430", "e\u0301", "\U0001f600", "con", "NUL", "aux.txt", "Com1", "class", "None",
    "json", "os", "torch", "kit", "src", "-rf", "--help", ".git", ".", "", " ", "a", "my-project",
    "x" * 70,
]  # fmt: skip
pieces = st.sampled_from(NASTY) | st.text(max_size=3) | st.from_regex("[A-Za-z0-9._-]{1,9}")
hostile = st.lists(pieces, max_size=4).map("".join)


def many(examples):
    is_thorough = settings.get_current_profile_name() == "thorough"
    return settings(
        max_examples=examples if is_thorough else examples // 4,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return tmp_path_factory.mktemp("here")


@many(4300)
@given(name=hostile)
def test_a_name_that_is_taken_is_one_plain_folder_here(empty, name):
    if check("name", name) is None:
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name), name
        assert (empty / name).resolve().parent == empty.resolve()
        assert name[0] not in ".-"
        assert not name.endswith(".")
        assert name.split(".")[0].lower() not in ("con", "nul", "aux", "prn", "com1", "lpt1")


@many(4300)
@given(package=hostile | hostile.map(str.lower))
def test_a_package_that_is_taken_can_be_imported_and_hides_nothing(package):
    if check("package", package) is None:
        assert package.isascii()
        assert package.isidentifier()
        assert not keyword.iskeyword(package)
        assert package not in sys.stdlib_module_names


@many(1000)
@given(
    name=hostile,
    package=st.none() | hostile,
    sets=st.lists(st.tuples(st.sampled_from(["project.name", "project.ci", "cloud", ""]), hostile)),
)
def test_the_command_refuses_with_a_reason_and_writes_nothing(empty, name, package, sets):
    made = []
    out, err = Output(), Output()
    arguments = ["new", "--orchestrator=metaflow", "--json", *(f"--set={k}={v}" for k, v in sets)]
    arguments += [] if package is None else [f"--package={package}"]
    patch = pytest.MonkeyPatch()
    patch.setattr(sys, "argv", ["mlpo", *arguments, "--", name])
    patch.setattr(sys, "stdout", out)
    patch.setattr(sys, "stderr", err)
    patch.setattr(
        scaffold, "generate", lambda *call: (made.append(call), Generated(call[1], (), "x"))[1]
    )
    patch.chdir(empty)
    try:
        code = main()
    finally:
        patch.undo()
    assert "Traceback" not in out.text + err.text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", err.text), err.text
    document = json.loads(out.text)
    if made:
        assert code == 0
        assert made[0][1] == empty.resolve() / name
        assert check("name", name) is None
    else:
        assert code == 2, out.text
        assert document["error"]["problems"] or document["error"]["message"]
    assert list(empty.iterdir()) == []


texts = hostile.filter(lambda text: text.strip())


@st.composite
def layers(draw):
    """A criterion and a policy of a platform team, with hostile texts, ids and choices."""
    id, here = draw(st.just("place") | hostile), draw(st.just("here") | hostile)
    return make_layer(id, here, lambda: draw(texts))


def make_layer(id, here, make_text):
    """Make the files of a rules folder with one criterion and one veto."""
    criterion = {
        "id": id, "label": make_text(), "weight": 3, "concerns": "some_teams",
        "question": make_text(), "help": make_text(),
        "choices": {here: make_text(), "there": make_text()}, "prior": {here: 0.5, "there": 0.5},
    }  # fmt: skip
    claim = {"claim": make_text(), "source": make_text(), "version": make_text()}
    row = {"scores": {here: 1, "there": 2}, "evidence": [{**claim, "date": "2026-01-01"}]}
    head = {"schema_version": 1, "reviewed": "2026-11-23"}
    veto = {"id": "mine", "orchestrators": "all", "when": {id: here}, "message": make_text()}
    return {
        "criteria.yaml": {**head, "criteria": [criterion]},
        "policy.yaml": {**head, "policy": make_text(), "vetoes": [veto]},
        **{
            f"orchestrators/{o.id}.yaml": {**head, "id": o.id, "criteria": {id: row}}
            for o in RULES.orchestrators
        },
    }


def lay(folder: Path, files) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@many(600)
@given(files=layers())
def test_rules_of_any_text_are_refused_or_printed_as_text(tmp_path_factory, files):
    folder = lay(tmp_path_factory.mktemp("rules"), files)
    try:
        ours = rules.load(rules_dir(), folder)
    except RulesError as refused:
        assert refused.problems
        assert not STEERING.search(as_text(refused))
        return
    decision = decide(ours, {files["criteria.yaml"]["criteria"][0]["id"]: "there"})
    record = adr.render(ours, decision.orchestrator, decision)
    printed = [record, terminal.render(ours, decision).plain]
    assert not any(STEERING.search(text) for text in printed)
    assert "<script" not in record + html.render(ours, decision).split("</style>")[1]
    headings = [line for line in record.splitlines() if line.startswith("#")]
    assert not any(line.startswith("# Heading") for line in headings)


def test_text_of_rules_and_answers_ends_up_in_the_project_as_it_is(tmp_path):
    """What looks like a template, a tag or a command is never taken for one."""
    harmless = [text for text in NASTY if text.strip() and not STEERING.search(text)]
    record = "\n".join(["# ADR", *harmless])
    given = dict(zip(IDS, harmless, strict=False))
    chosen = {**DEFAULTS, "data_source": "images", "ci": "github"}
    project = ProjectSettings("Odd.Name-2", "pets_v2", "metaflow", **chosen)
    made = generate(project, tmp_path / "p", record, Provenance("1", "2", given, {"a": 1.5}))
    assert (made.path / "docs/adr/0001-orchestrator.md").read_text(encoding="utf-8") == record
    kept = yaml.safe_load((made.path / ".mlpo" / "answers.yaml").read_text(encoding="utf-8"))
    assert kept["criteria"] == given
    assert not list(tmp_path.rglob("x"))


UNTIL_FOUND = settings(phases=[Phase.generate], suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("setting", ["name", "package"])
def test_some_hostile_texts_are_accepted(setting):
    """Otherwise the tests above would only check what is refused."""
    assert find(hostile, lambda text: check(setting, text, ()) is None, settings=UNTIL_FOUND)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "{{ 7 * 7 }}", "$(touch x)"])
def test_rules_with_hostile_texts_are_accepted(text, tmp_path):
    layer = lay(tmp_path, make_layer("place", "here", lambda: text))
    assert rules.load(rules_dir(), layer).policy.text == text
