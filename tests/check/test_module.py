"""What names mean: imports, aliases, scopes, local modules, methods."""

from __future__ import annotations

import ast

import pytest
from checking import make_module, write_files

from mlpo_cli.check.reach import list_bases, list_reached
from mlpo_cli.check.values import UNKNOWN, find_constant, find_text


def get_last(module) -> ast.expr:
    """The expression that the module ends with."""
    statement = module.tree.body[-1]
    return statement.value


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("from kfp import dsl\ndsl.component", "kfp.dsl.component"),
        ("import kfp\nkfp.dsl.component", "kfp.dsl.component"),
        ("import kfp.dsl as d\nd.component", "kfp.dsl.component"),
        ("from kfp.dsl import component as c\nc", "kfp.dsl.component"),
        ("from kfp import dsl\ncomponent = dsl.component\ncomponent", "kfp.dsl.component"),
        (
            "try:\n    from kfp import dsl\nexcept ImportError:\n    dsl = None\ndsl.If",
            "kfp.dsl.If",
        ),
        ("from kfp.dsl import *\nIf", "kfp.dsl.If"),
        ("from kfp.dsl import *\nprint", "builtins.print"),
        ("open", "builtins.open"),
        ("from kfp import dsl\ndsl = other()\ndsl.component", None),
        ("unknown.thing", None),
        ("from . import a\na.b", None),
    ],
)
def test_a_name_is_resolved_to_what_it_means(text, name):
    module = make_module(text)
    assert module.resolve(get_last(module)) == name


def test_a_parameter_hides_an_import_and_a_decorator_is_outside():
    module = make_module(
        "from kfp import dsl\n@dsl.component\ndef f(dsl, x=dsl.Input):\n    return dsl.If\n"
    )
    attributes = {node.attr: module.resolve(node) for node in module.list_nodes(ast.Attribute)}
    assert attributes == {
        "component": "kfp.dsl.component",
        "Input": "kfp.dsl.Input",
        "If": None,
    }


def test_names_are_followed_through_local_modules(tmp_path):
    write_files(
        tmp_path,
        {
            "pyproject.toml": "",
            "src/lab/__init__.py": "",
            "src/lab/common.py": "from kfp.dsl import component as part\nTAG = 'v1'\n",
            "src/lab/parts.py": "from .common import part\n\ndef helper():\n    return deep()\n"
            "def deep():\n    pass\n",
            "pipelines/main.py": "",
        },
    )
    text = (
        "from lab.parts import part, helper\nimport lab.parts\nfrom lab import common\n"
        "def run():\n    helper()\n    lab.parts.deep()\n"
        "(part, common.part, common.TAG, missing)\n"
    )
    module = make_module(text, tmp_path / "pipelines" / "main.py")
    part, through, tag, missing = get_last(module).elts  # type: ignore[attr-defined]
    assert module.resolve(part) == module.resolve(through) == "kfp.dsl.component"
    assert module.resolve(missing) is None
    names = [definition.node.name for definition in list_reached(module, module.functions[0])]
    assert sorted(names) == ["deep", "helper", "run"]
    assert module.resolve(tag) is None


def test_a_local_folder_with_the_name_of_an_sdk_is_not_taken_for_it(tmp_path):
    write_files(tmp_path, {"pyproject.toml": "", "kfp/dsl.py": "def component(): pass\n"})
    module = make_module("from kfp.dsl import component\ncomponent", tmp_path / "x.py")
    assert module.resolve(get_last(module)) == "kfp.dsl.component"


def test_what_is_around_a_project_is_not_read(tmp_path):
    write_files(tmp_path, {"names.py": "X = 'a'\n", "project/pyproject.toml": "", "bare/x": ""})
    for folder in ("project/inner", "bare"):
        module = make_module("from names import X\nX", tmp_path / folder / "main.py")
        assert find_text(module, get_last(module)) is None
    module = make_module("from names import X\nX", tmp_path / "main.py")
    assert find_text(module, get_last(module)) == "a"


def test_modules_that_import_each_other_end(tmp_path):
    write_files(tmp_path, {"a.py": "from b import x\n", "b.py": "from a import x\n"})
    module = make_module("from a import x\nx", tmp_path / "main.py")
    assert module.resolve(get_last(module)) is None


def test_self_calls_are_followed_through_base_classes(tmp_path):
    write_files(
        tmp_path,
        {
            "base.py": "from metaflow import FlowSpec\n\nclass Base(FlowSpec):\n"
            "    def load(self):\n        self.read()\n    def read(self):\n        pass\n"
        },
    )
    text = "from base import Base\n\nclass Flow(Base):\n    def start(self):\n        self.load()\n"
    module = make_module(text, tmp_path / "flow.py")
    reached = [d.node.name for d in list_reached(module, module.functions[0])]
    assert reached == ["start", "load", "read"]
    flow = module.tree.body[-1]
    assert isinstance(flow, ast.ClassDef)
    assert list(list_bases(module, flow)) == ["metaflow.FlowSpec"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-3", -3),
        ("A = 1\nB = A\nB", 1),
        ("A = 1\nA = 2\nA", None),
        ("A = A\nA", None),
        ("f()", None),
    ],
)
def test_a_constant_is_found_where_it_is_the_only_one(text, value):
    module = make_module(text)
    assert find_constant(module, get_last(module)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("TAG = 'v1'\nf'repo:{TAG}'", "repo:v1"),
        ("f'repo:{tag()}'", f"repo:{UNKNOWN}"),
        ("'repo' + ':' + tag", f"repo:{UNKNOWN}"),
        ("f'{1:04}'", UNKNOWN),
        ("a + b", None),
        ("3", None),
    ],
)
def test_a_text_has_marks_where_it_is_not_known(text, value):
    module = make_module(text)
    assert find_text(module, get_last(module)) == value


def test_calls_are_found_under_every_name():
    module = make_module(
        "import kfp\nfrom kfp import dsl as d\nfrom kfp.dsl import ContainerSpec as Spec\n"
        "Made = Spec\nkfp.dsl.ContainerSpec(1)\nd.ContainerSpec(2)\nSpec(3)\nMade(4)\n"
        "def ContainerSpec(): pass\nContainerSpec(5)\n"
    )
    calls = [ast.unparse(call.args[0]) for call, _ in module.list_calls("kfp.dsl.ContainerSpec")]
    assert calls == ["1", "2", "3", "4"]
