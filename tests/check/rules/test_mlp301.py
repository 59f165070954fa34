"""MLP301: what keeps a checkpoint of each epoch, and what does not."""

from __future__ import annotations

import pytest
from checking import find

HEAD = """\
import os
import torch
import keras
import lightning.pytorch.callbacks as callbacks
from transformers import TrainingArguments
from zenml import step

"""


def list_rules(code: str) -> list[str]:
    return [f.rule for f in find(HEAD + code)]


@pytest.mark.parametrize(
    "code",
    [
        "TrainingArguments(save_strategy='steps', save_steps=100, max_steps=5000)",
        "TrainingArguments(save_strategy='epoch', num_train_epochs=10)",
        "callbacks.ModelCheckpoint(save_top_k=-1)",
        "keras.callbacks.ModelCheckpoint('model-{epoch:02d}.keras')",
        "for epoch in range(EPOCHS):\n    torch.save(model, f'{epoch}.pt')",
        "for epoch in range(9):\n    path = f'{epoch}.pt'\n    torch.save(model, path)",
        "for epoch in range(9):\n    folder = f'run/{epoch}'\n"
        "    path = os.path.join(folder, 'model.pt')\n    torch.save(model, path)",
        "for epoch in range(9):\n    model.save_pretrained(os.path.join('out', str(epoch)))",
        "for epoch in range(9):\n    with timer():\n        torch.save(model, f'{epoch}.pt')",
    ],
)
def test_a_checkpoint_of_each_epoch_is_reported(code):
    assert list_rules(code) == ["MLP301"]


@pytest.mark.parametrize(
    "code",
    [
        "TrainingArguments('out')",
        "TrainingArguments(save_strategy='no')",
        "TrainingArguments(save_strategy=STRATEGY)",
        "TrainingArguments(save_strategy='epoch', **rest)",
        "TrainingArguments(save_strategy='epoch', num_train_epochs=2)",
        "TrainingArguments(save_strategy='steps', save_steps=0.5)",
        "TrainingArguments(save_strategy='steps', save_steps=100, max_steps=200)",
        "TrainingArguments(save_strategy='epoch', save_total_limit=None)",
        "a = TrainingArguments(save_strategy='epoch')\na.save_total_limit = 2",
        "callbacks.ModelCheckpoint(save_top_k=3)",
        "callbacks.ModelCheckpoint(save_top_k=TOP)",
        "keras.callbacks.ModelCheckpoint('model.keras')",
        "keras.callbacks.ModelCheckpoint('model-{epoch}.keras', save_best_only=True)",
        "keras.callbacks.ModelCheckpoint('model-{epoch}.keras', save_best_only=BEST)",
        "for epoch in range(9):\n    torch.save(model, 'last.pt')",
        "for epoch in range(3):\n    torch.save(model, f'{epoch}.pt')",
        "for epoch in range(9):\n    if is_best:\n        torch.save(model, f'{epoch}.pt')",
        "for epoch in range(9):\n    if not is_best:\n        continue\n"
        "    torch.save(model, f'{epoch}.pt')",
        "for epoch in range(9):\n    torch.save(model, f'{epoch}.pt')\n    os.remove(old)",
        "for name in names:\n    torch.save(models[name], f'{name}.pt')",
        "for epoch in range(9):\n    plot.save(f'{run}.png')",
        "for epoch in range(9):\n    def save():\n        torch.save(model, f'{epoch}.pt')",
    ],
)
def test_what_is_limited_or_not_known_is_not(code):
    assert list_rules(code) == []
