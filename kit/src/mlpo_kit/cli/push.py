"""Push the container image to its registry."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.output import add_json, divert_output, write_answer
from mlpo_kit.cluster.description import Cluster, read_cluster
from mlpo_kit.cluster.image import name_image, push_image

HELP = "push the image to the registry that deploy/cluster.yaml names"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --device and --json."""
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        help="push the image for this device, not for the one in deploy/cluster.yaml",
    )
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Push the image and print its name."""
    image = name_image(read_cluster(Cluster, device=chosen.device, ignore_unknown=True))
    with divert_output():
        push_image(image)
    write_answer(chosen, {"schema_version": 1, "image": image}, image)
    return DONE
