"""Build the container image that all stages and the model server run in."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.output import add_json, divert_output, write_answer
from mlpo_kit.cluster.description import Cluster, read_cluster
from mlpo_kit.cluster.image import build_image, name_image

HELP = "build the container image for all stages and the model server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --device, --base, --name and --json."""
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        help="install PyTorch for this device, not for the one in deploy/cluster.yaml",
    )
    parser.add_argument("--base", help="build on this image from now on, such as one of a mirror")
    parser.add_argument(
        "--name", action="store_true", help="only print the image's name, without building it"
    )
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Build the image and print its name."""
    cluster = read_cluster(Cluster, device=chosen.device, ignore_unknown=True)
    if not chosen.name:
        with divert_output():
            build_image(cluster, chosen.base)
    image = name_image(cluster)
    write_answer(chosen, {"schema_version": 1, "image": image}, image)
    return DONE
