"""Build the container image of all stages and of the server."""

from __future__ import annotations

import argparse

from mlpo_kit.cluster.description import Cluster, read_cluster
from mlpo_kit.cluster.image import build_image, name_image

HELP = "build the container image of all stages and of the server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which PyTorch it holds, and what it builds on."""
    parser.add_argument("--device", choices=("cpu", "cuda"), help="instead of the cluster's")
    parser.add_argument("--base", help="the image to build on from now on, such as a mirror's")


def run(chosen: argparse.Namespace) -> int:
    """Build it, and print its name."""
    cluster = read_cluster(Cluster, device=chosen.device, others=True)
    build_image(cluster, chosen.base)
    print(name_image(cluster))
    return 0
