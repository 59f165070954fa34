"""Push the image to its registry."""

from __future__ import annotations

import argparse

from mlpo_kit.cluster.description import Cluster, read_cluster
from mlpo_kit.cluster.image import name_image, push_image

HELP = "push the image to its registry, which deploy/cluster.yaml names"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which PyTorch it holds."""
    parser.add_argument("--device", choices=("cpu", "cuda"), help="instead of the cluster's")


def run(chosen: argparse.Namespace) -> int:
    """Push it, and print its name."""
    image = name_image(read_cluster(Cluster, device=chosen.device, others=True))
    push_image(image)
    print(image)
    return 0
