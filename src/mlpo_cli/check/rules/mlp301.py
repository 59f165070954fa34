"""MLP301: checkpoints that pile up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mlpo_cli.check.model import EVERY_SDK, Edit, Example, Finding, Rule, Severity
from mlpo_cli.check.module import Module
from mlpo_cli.check.names import FunctionNode
from mlpo_cli.check.values import find_assigned, find_constant, find_text, get_argument

HEAD = """\
from metaflow import FlowSpec, kubernetes, step
from transformers import TrainingArguments


class TuneFlow(FlowSpec):
    @kubernetes(gpu=1)
    @step
    def start(self):
"""
TAIL = """\
        tune(arguments)
        self.next(self.end)

    @step
    def end(self):
        pass
"""
RULE = Rule(
    id="MLP301",
    title="checkpoints that pile up",
    severity=Severity.WARNING,
    sdks=EVERY_SDK,
    what="""
    Reports `TrainingArguments(save_strategy="epoch")` or `"steps"` without `save_total_limit`,
    Lightning's `ModelCheckpoint(save_top_k=-1)`, Keras' `ModelCheckpoint` with `{epoch}` in the
    path and without `save_best_only`, and a loop over epochs that saves to a path with the number
    of the epoch. A save under a condition, a function that deletes files, and a loop of at most 3
    epochs are not reported.
    """,
    why="""
    Each epoch leaves a file with the whole model and often the optimizer. The disk of the pod
    fills up and the run dies late, or the storage is paid for until somebody cleans it up.
    """,
    sources=(
        "transformers 5.24.0, trainer_utils.py: without `save_total_limit` nothing is deleted",
        "lightning 2.6.6, `ModelCheckpoint`: with `save_top_k=-1` all are kept",
        "keras 3.15.1, `ModelCheckpoint`: `{epoch}` in the path makes one file for each epoch",
    ),
    examples=(
        Example(
            file="flow.py",
            bad=f"{HEAD}        arguments = "
            f'TrainingArguments("out", save_strategy="epoch")\n{TAIL}',
            good=f"{HEAD}        arguments = "
            f'TrainingArguments("out", save_strategy="epoch", save_total_limit=2)\n{TAIL}',
            is_fixed=True,
        ),
        Example(
            bad="""\
import torch
from zenml import step


@step
def train(epochs: int, folder: str) -> str:
    for epoch in range(epochs):
        model = run_epoch(epoch)
        torch.save(model.state_dict(), f"{folder}/model-{epoch}.pt")
    return folder
""",
            good="""\
import torch
from zenml import step


@step
def train(epochs: int, folder: str) -> str:
    for epoch in range(epochs):
        model = run_epoch(epoch)
        torch.save(model.state_dict(), f"{folder}/last.pt")
    return folder
""",
        ),
    ),
    advice="Keep the best and the last few: limit their number, or write over the last one.",
    fix="""
    Adds `save_total_limit=2` to the arguments of transformers. Unsafe: older checkpoints are then
    deleted, and you may need them. The other cases are not fixed.
    """,
)

ARGUMENTS = tuple(
    f"transformers.{prefix}{name}"
    for prefix in ("", "training_args.", "training_args_seq2seq.")
    for name in ("TrainingArguments", "Seq2SeqTrainingArguments")
) + tuple(f"trl.{name}" for name in ("SFTConfig", "DPOConfig", "RewardConfig", "ORPOConfig"))
LIGHTNING = (
    "lightning.pytorch.callbacks.ModelCheckpoint",
    "pytorch_lightning.callbacks.ModelCheckpoint",
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
)
KERAS = ("keras.callbacks.ModelCheckpoint", "tensorflow.keras.callbacks.ModelCheckpoint")
SAVERS = {"save": 0, "save_pretrained": 0, "save_weights": 0, "save_model": 0}
EPOCH = re.compile(r"epoch|^ep$", re.IGNORECASE)
DELETERS = frozenset({"unlink", "remove", "rmtree", "removedirs", "rmdir", "delete"})
FEW = 3
MOST_NAMES = 10  # of which a path is made
LOOPS = (ast.For, ast.AsyncFor)
ENDS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Module, ast.ClassDef)
CONDITIONS = (ast.If, ast.IfExp, ast.Match, ast.BoolOp, ast.ExceptHandler)


def check(module: Module) -> Iterator[Finding]:
    """Find what keeps a checkpoint of each epoch."""
    yield from check_arguments(module)
    yield from check_callbacks(module)
    for call, _ in module.list_method_calls(*SAVERS):
        loop = find_loop(module, call)
        if loop is not None and not deletes(module, call):
            message = "A new file is saved in each epoch, and none is deleted."
            yield RULE.report(module, call.func, message)


def check_arguments(module: Module) -> Iterator[Finding]:
    """Find the arguments of transformers that save and have no limit."""
    if any(node.attr == "save_total_limit" for node in module.list_nodes(ast.Attribute)):
        return
    for call, _ in module.list_calls(*ARGUMENTS):
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        strategy = find_constant(module, keywords.get("save_strategy"))
        if None in keywords or strategy not in ("epoch", "steps"):
            continue
        if "save_total_limit" in keywords or saves_few(module, strategy, keywords):
            continue
        _, end = module.span(keywords["save_strategy"])
        yield RULE.report(
            module,
            keywords["save_strategy"],
            "All checkpoints are kept: there is no `save_total_limit`.",
            edits=[Edit(end, end, ", save_total_limit=2")],
        )


def saves_few(module: Module, strategy: object, keywords: dict[str | None, ast.expr]) -> bool:
    """Whether the arguments say that there will be few checkpoints."""
    epochs, most, every = (
        find_constant(module, keywords.get(name))
        for name in ("num_train_epochs", "max_steps", "save_steps")
    )
    if isinstance(most, int) and isinstance(every, (int, float)) and most > 0 and every > 0:
        return strategy == "steps" and (most / every <= FEW if every >= 1 else 1 / every <= FEW)
    if isinstance(every, float) and 0 < every < 1:  # a share of all steps
        return strategy == "steps" and 1 / every <= FEW
    return strategy == "epoch" and isinstance(epochs, (int, float)) and epochs <= FEW


def check_callbacks(module: Module) -> Iterator[Finding]:
    """Find the callbacks of Lightning and Keras that keep everything."""
    for call, _ in module.list_calls(*LIGHTNING):
        kept = get_argument(call, "save_top_k")
        if kept is not None and find_constant(module, kept) == -1:
            yield RULE.report(module, kept, "All checkpoints are kept: `save_top_k` is -1.")
    for call, _ in module.list_calls(*KERAS):
        path = get_argument(call, "filepath", 0)
        text = find_text(module, path) or ""
        best = get_argument(call, "save_best_only", 3)
        is_complete = all(keyword.arg for keyword in call.keywords)
        keeps_all = best is None or find_constant(module, best) is False
        if path is not None and "{epoch" in text and keeps_all and is_complete:
            yield RULE.report(module, path, "Each epoch has a file of its own, and all are kept.")


def find_loop(module: Module, call: ast.Call) -> ast.For | ast.AsyncFor | None:
    """Return the loop over epochs in which a call saves to a path with the epoch's number.

    None if a condition decides whether it saves, or if there are few epochs.
    """
    name = module.resolve(call.func)
    if name is not None and name != "torch.save":
        return None
    path = get_argument(call, "f", 1) if name else get_argument(call, "filepath", 0)
    node: ast.AST = call
    while path is not None:
        parent = module.get_parent(node)
        if parent is None or isinstance(parent, (*ENDS, *CONDITIONS)):
            return None
        if isinstance(parent, LOOPS) and node in parent.body and skips(parent):
            return None
        if isinstance(parent, LOOPS) and node in parent.body and counts_epochs(parent.target):
            is_short = has_few(module, parent.iter)
            return parent if not is_short and reads_epoch(module, path, parent) else None
        node = parent
    return None


def skips(loop: ast.For | ast.AsyncFor) -> bool:
    """Whether a loop can leave out what follows, or end early."""
    return any(isinstance(node, (ast.Continue, ast.Break, ast.Return)) for node in ast.walk(loop))


def counts_epochs(target: ast.expr) -> bool:
    """Whether the name of a loop says that it is about epochs."""
    names = target.elts if isinstance(target, ast.Tuple) else [target]
    return any(isinstance(name, ast.Name) and EPOCH.search(name.id) for name in names)


def has_few(module: Module, values: ast.expr) -> bool:
    """Whether a loop is known to be short."""
    if isinstance(values, (ast.List, ast.Tuple)):
        return len(values.elts) <= FEW
    if isinstance(values, ast.Call) and len(values.args) == 1:
        count = find_constant(module, values.args[0])
        return isinstance(count, int) and count <= FEW
    return False


def reads_epoch(module: Module, path: ast.expr, loop: ast.For | ast.AsyncFor) -> bool:
    """Whether a path has the number of the epoch in it."""
    epochs = {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
    to_do: list[ast.expr] = [path]
    for _ in range(MOST_NAMES):
        value = to_do.pop() if to_do else None
        for node in ast.walk(value) if value is not None else ():
            if isinstance(node, ast.Name) and node.id in epochs:
                return True
            found = find_assigned(module, node) if isinstance(node, ast.Name) else None
            if found and found[0] is module:
                to_do.append(found[1])
    return False


def deletes(module: Module, call: ast.Call) -> bool:
    """Whether the function around a call deletes something."""
    function: FunctionNode | ast.Module = module.find_function(call) or module.tree
    key = ("deletes", function)
    if key not in module.memory:
        module.memory[key] = any(
            isinstance(node, ast.Attribute) and node.attr in DELETERS for node in ast.walk(function)
        )
    return bool(module.memory[key])
