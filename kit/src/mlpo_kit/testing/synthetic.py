"""Generate synthetic pictures, in any number and size, from which a network can learn.

Each class is a grating with its own direction, width and colour. Phase, brightness and noise differ
between the pictures.
"""

from __future__ import annotations

import numpy as np


def picture(label: int, number: int, classes: int, size: int) -> np.ndarray:
    """Generate picture `number` of a class: uint8 [size, size, 3]; the result is deterministic."""
    random = np.random.default_rng((label, number))
    angle = np.pi * label / classes
    waves = 3 + 2 * (label % 3)  # across the picture
    down, across = np.mgrid[:size, :size] * (2 * np.pi * waves / size)
    grating = np.sin(across * np.cos(angle) + down * np.sin(angle) + random.uniform(0, 2 * np.pi))
    colour = np.array([1 + np.cos(2 * angle), 1 + np.sin(2 * angle), 1.0]) / 2
    light = 128 + random.uniform(40, 100) * grating[..., None] * colour
    noise = random.integers(-32, 33, (size, size, 3))
    pixels: np.ndarray = np.clip(light + noise, 0, 255).astype(np.uint8)
    return pixels


def pictures(classes: int, per_class: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Generate samples uint8 [n, 3, size, size] and class numbers int64 [n], class by class."""
    y = np.repeat(np.arange(classes), per_class)
    x = np.empty((len(y), 3, size, size), np.uint8)
    for row, label in enumerate(y):
        x[row] = picture(int(label), row % per_class, classes, size).transpose(2, 0, 1)
    return x, y
