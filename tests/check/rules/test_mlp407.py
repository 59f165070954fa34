"""MLP407 reports versions without an end, and no other way to name a package."""

from __future__ import annotations

import pytest
from checking import find

from mlpo_cli.check.rules.mlp407 import is_open

COMPONENT = "from kfp import dsl\n@dsl.component(base_image='a:1', packages_to_install={})\n"


def list_reported(text: str) -> list[str]:
    return [f.message for f in find(text) if f.rule == "MLP407"]


@pytest.mark.parametrize(
    "requirement",
    [
        *("pandas", "torch[cuda]", "a >= 2", "a>=2,!=2.1", "a>1", "a!=3", "a ; python_version>'3'"),
        "git+https://github.com/a/b.git",
        "git+ssh://git@github.com/a/b",
    ],
)
def test_a_version_without_an_end_is_open(requirement):
    assert is_open(requirement)


@pytest.mark.parametrize(
    "requirement",
    [
        *("pandas==2.3.3", "a===1", "a~=2.1", "a>=2,<3", "a<3", "a>=2, <3", "a[b]==1.0", "a==1.*"),
        *("a @ https://example.com/a.whl", "https://example.com/a.whl", "./a", "/src/a", "dist/a"),
        *("-r requirements.txt", "--no-deps", "", "a==\0", "\0", "{name}", "C:\\a"),
        "git+https://github.com/a/b.git@v1",
        "git+https://github.com/a/b@1234567#egg=b",
        "git+ssh://git@github.com/a/b@main",
    ],
)
def test_a_version_with_an_end_or_an_unknown_one_is_not_open(requirement):
    assert not is_open(requirement)


@pytest.mark.parametrize(
    "text",
    [
        COMPONENT.format("['pandas', 'numpy>=1']") + "def f(): pass\n",
        "from kfp import dsl\nP = ['pandas', 'numpy>=1']\ndsl.component(f, packages_to_install=P)\n"
        "dsl.component(g, packages_to_install=P)\n",
        "from metaflow import conda_base\n@conda_base(libraries={'pandas': '', 'numpy': '>=1'})\n"
        "class F: pass\n",
        "from zenml.config import DockerSettings as D\nD(requirements=['pandas', 'numpy'])\n",
    ],
)
def test_a_list_is_reported_once(text):
    (message,) = list_reported(text)
    assert message.startswith("`pandas`, `numpy")
    assert message.endswith(" have no upper limit of the version.")


@pytest.mark.parametrize(
    "text",
    [
        COMPONENT.format("[]"),
        COMPONENT.format("read_lock()"),
        COMPONENT.format("[f'pandas=={version}', name, 'numpy==' + version]"),
        COMPONENT.format("['pandas' + pin]"),
        "from metaflow import pypi\n@pypi(packages={'pandas': '2.3.3', 'numpy': v})\n",
        "from metaflow import pypi\n@pypi(packages=read())\n",
        "from zenml.config import DockerSettings as D\nD(requirements='requirements.txt')\n",
        "import kfp\nsetup(packages_to_install=['pandas'])\n",
    ],
)
def test_what_is_pinned_or_made_elsewhere_is_not_reported(text):
    assert list_reported(text + "def f(): pass\n") == []
