"""MLP701: a secret in the code, or a file from the network that runs code when it is read."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from mlpo_cli.check.model import EVERY_SDK, Edit, Example, Finding, Rule, Severity
from mlpo_cli.check.module import Module
from mlpo_cli.check.values import find_assigned, find_constant, get_argument

HEAD = """\
import torch
from huggingface_hub import hf_hub_download
from zenml import step


@step
def load(network: Network) -> Network:
    file = hf_hub_download("example/network", "model.pt", revision="1f0c3a9")
"""
RULE = Rule(
    id="MLP701",
    title="secret in the code, or a file that runs code",
    severity=Severity.WARNING,
    sdks=EVERY_SDK,
    what="""
    Reports a text with the form of a real key: of AWS, GitHub, GitLab, Google, Hugging Face,
    OpenAI, Anthropic, Slack, or a private key. Also reports a file that is fetched from the web or
    from the Hugging Face Hub and read with `pickle`, `joblib`, `cloudpickle`, or `torch.load` with
    `weights_only=False`. Placeholders, and files that the pipeline made itself, are not reported.
    """,
    why="""
    A key in the code is in every image, every log of the code and every clone. Reading a pickle
    runs whatever its author put into it, with the rights of the step.
    """,
    sources=(
        "torch 2.13.0, run there: a file ran code with `weights_only=False`; with True, the "
        "default since 2.6, it was refused",
        "the documentation of Python's pickle",
    ),
    examples=(
        Example(
            bad=f"{HEAD}    network.load_state_dict(torch.load(file, weights_only=False))\n"
            "    return network\n",
            good=f"{HEAD}    network.load_state_dict(torch.load(file, weights_only=True))\n"
            "    return network\n",
            is_fixed=True,
        ),
        Example(
            file="flow.py",
            bad="""\
from metaflow import FlowSpec, environment, step


class TrainFlow(FlowSpec):
    @environment(vars={"AWS_ACCESS_KEY_ID": "AKIAQ3EGWZPLN5TRKXHM"})
    @step
    def start(self):
        pass
""",
            good="""\
from metaflow import FlowSpec, secrets, step


class TrainFlow(FlowSpec):
    @secrets(sources=["reader-of-data"])
    @step
    def start(self):
        pass
""",
        ),
    ),
    advice="""
    Revoke the key and read it when the step runs: `@secrets` of Metaflow, a secret of Kubernetes
    or ZenML.
    """,
    fix="""
    Writes `weights_only=True` where the file goes straight to `load_state_dict`, which needs no
    more. Unsafe: a file that holds more than tensors is then refused. Nothing else is fixed.
    """,
)

KEYS = {
    "AWS": r"(?:AKIA|ASIA)[A-Z2-7]{16}",
    "GitHub": r"gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
    "GitLab": r"glpat-[A-Za-z0-9_-]{20}",
    "Google": r"AIza[A-Za-z0-9_-]{35}",
    "Hugging Face": r"hf_[A-Za-z]{34}",
    "OpenAI": r"sk-(?:proj-)?[A-Za-z0-9_-]{20,80}T3BlbkFJ[A-Za-z0-9_-]{20,80}",
    "Anthropic": r"sk-ant-api\d\d-[A-Za-z0-9_-]{80,110}",
    "Slack": r"xox[bpars]-\d{10,13}-[A-Za-z0-9-]{20,80}",
}
KEY = re.compile(
    "|".join(
        f"(?P<k{number}>(?<![A-Za-z0-9_-])(?:{form})(?![A-Za-z0-9_-]))"
        for number, form in enumerate(KEYS.values())
    )
)
PRIVATE = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{100,}")
MOST_TEXT = 10_000  # characters of one text that are searched
FEWEST_DIFFERENT = 10  # characters of a key; a placeholder repeats a few

# What reads a pickle: the position and the keyword of the file.
READERS = {
    "pickle.load": ("file", 0),
    "pickle.loads": ("data", 0),
    "cloudpickle.load": ("file", 0),
    "cloudpickle.loads": ("data", 0),
    "dill.load": ("file", 0),
    "dill.loads": ("str", 0),
    "joblib.load": ("filename", 0),
    "torch.load": ("f", 0),
}
FETCHERS = (
    *(f"{package}.{verb}" for package in ("requests", "httpx") for verb in ("get", "post")),
    *("urllib.request.urlopen", "urllib.request.urlretrieve", "wget.download", "gdown.download"),
    *("huggingface_hub.hf_hub_download", "huggingface_hub.snapshot_download"),
    *("huggingface_hub.file_download.hf_hub_download", "huggingface_hub.cached_download"),
)
WRAPPERS = (
    "builtins.open",
    "io.BytesIO",
    "os.path.join",
    "pathlib.Path",
    "gzip.open",
    "gzip.decompress",
    "builtins.bytes",
    "builtins.str",
)
MOST_STEPS = 20


def check(module: Module) -> Iterator[Finding]:
    """Find the keys in a module, and the fetched files that run code."""
    for text in module.list_nodes(ast.Constant):
        owner = find_owner(text.value)
        if owner:
            yield RULE.report(module, text, f"This is a key of {owner}, in the code.")
    for call, name in module.list_calls(*READERS):
        if name == "torch.load" and not is_off(module, call):
            continue
        node = get_argument(call, *READERS[name])
        if node is not None and is_fetched(module, node, MOST_STEPS):
            yield RULE.report(
                module,
                call.func,
                f"`{name}` runs the code in a file from the network.",
                advice="""
                Read weights with `weights_only=True` or as safetensors; for anything else, check
                the digest of the file first, and name the version that you looked at.
                """,
                edits=fix_load(module, call, name),
            )


def find_owner(value: object) -> str:
    """Return whose key a text holds; empty if it holds none."""
    if not isinstance(value, str) or len(value) < 20:
        return ""
    text = value[:MOST_TEXT]
    for match in KEY.finditer(text):
        if is_random(match[0]):
            return list(KEYS)[int((match.lastgroup or "k0")[1:])]
    return "somebody, to sign with" if PRIVATE.search(text) else ""


def is_random(key: str) -> bool:
    """Whether a text looks like a real key, and not like a placeholder."""
    lower = key.lower()
    if any(word in lower for word in ("example", "xxxx", "your", "dummy", "fake", "test")):
        return False
    if "0123456" in lower or "1234567" in lower or "abcdefg" in lower:
        return False
    return len(Counter(key)) >= FEWEST_DIFFERENT


def is_off(module: Module, call: ast.Call) -> bool:
    """Whether `torch.load` is told to read everything."""
    node = get_argument(call, "weights_only")
    return node is not None and find_constant(module, node) is False


def is_fetched(module: Module, node: ast.expr, steps: int) -> bool:
    """Whether an expression is what was fetched from the network, or is made of it."""
    if steps <= 0:
        return False
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        return is_fetched(module, node.value, steps - 1)
    if isinstance(node, ast.BinOp):
        return is_fetched(module, node.left, steps - 1)
    if isinstance(node, ast.Call):
        name = module.resolve(node.func)
        if name in FETCHERS:
            return True
        if name in WRAPPERS:
            return bool(node.args) and is_fetched(module, node.args[0], steps - 1)
        return (
            name is None
            and isinstance(node.func, ast.Attribute)
            and is_fetched(module, node.func.value, steps - 1)
        )
    found = find_assigned(module, node) or find_opened(module, node)
    return found is not None and is_fetched(found[0], found[1], steps - 1)


def find_opened(module: Module, node: ast.expr) -> tuple[Module, ast.expr] | None:
    """Return what `with ... as NAME` opens, if the name is bound nowhere else."""
    found = module.names.look_up(node.id, node) if isinstance(node, ast.Name) else None
    if found is None or len(found[1]) != 1:
        return None
    item = module.get_parent(found[1][0].node)
    return (module, item.context_expr) if isinstance(item, ast.withitem) else None


def fix_load(module: Module, call: ast.Call, name: str) -> list[Edit]:
    """Return the edits that read weights alone, where nothing else is used."""
    parent = module.get_parent(call)
    is_state = (
        isinstance(parent, ast.Call)
        and isinstance(parent.func, ast.Attribute)
        and parent.func.attr == "load_state_dict"
        and call in parent.args[:1]
    )
    node = get_argument(call, "weights_only")
    if name != "torch.load" or not is_state or not isinstance(node, ast.Constant):
        return []
    return [Edit(*module.span(node), "True")]
