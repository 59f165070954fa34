import os
import signal

from hypothesis import settings

# Seconds matter in the inner loop, and a red run must be red again: no deadline, no randomness.
settings.register_profile("mlpo", max_examples=60, deadline=None, derandomize=True, database=None)
# A test with far more examples than these has a quarter of them, and all in test-full (`thorough`).
for profile in ("quick", "thorough"):
    settings.register_profile(profile, settings.get_profile("mlpo"))
settings.load_profile("mlpo")

# The runs of generated projects start no process in the background: it would outlive its test.
os.environ["MLPO_KIT_TRACKING"] = "off"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Tests in the background of a shell ignore it, and so would what they start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """The slow files first: two workers then end at about the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_addoption(parser):
    parser.addoption(
        "--snapshot-update", action="store_true", help="write the snapshots of the trees anew"
    )
