"""Build the container image of all stages and of the server."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.output import add_json, divert_output, write_answer
from mlpo_kit.cluster.description import Cluster, read_cluster
from mlpo_kit.cluster.image import build_image, name_image

HELP = "build the container image of all stages and of the server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which PyTorch it holds, and what it builds on."""
    parser.add_argument("--device", choices=("cpu", "cuda"), help="instead of the cluster's")
    parser.add_argument("--base", help="the image to build on from now on, such as a mirror's")
    parser.add_argument("--name", action="store_true", help="only print its name, which it has now")
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Build it, and print its name."""
    cluster = read_cluster(Cluster, device=chosen.device, others=True)
    if not chosen.name:
        with divert_output():
            build_image(cluster, chosen.base)
    image = name_image(cluster)
    write_answer(chosen, {"schema_version": 1, "image": image}, image)
    return DONE
