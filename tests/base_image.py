"""A base image out of this machine: its Debian's libraries and tools, and its Python.

For where no registry can be asked for one; it stands for `python:3.x-slim`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

# A shell and its tools, and the libraries that Python and the wheels of the locks are linked to.
PACKAGES = (
    *("base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "dash", "diffutils"),
    *("findutils", "grep", "gzip", "hostname", "libbz2-1.0", "libc-bin", "libc6", "libffi8"),
    *("libgcc-s1", "libgomp1", "liblzma5", "libncursesw6", "libreadline8", "libsqlite3-0"),
    *("libssl3", "libstdc++6", "libtinfo6", "libuuid1", "mawk", "netbase", "openssl", "sed"),
    *("tar", "tzdata", "util-linux", "zlib1g"),
)
LEFT_OUT = re.compile(r"/usr/share/(doc|man|locale|info|i18n)/")
MERGED = re.compile(r"^/(bin|sbin|lib64|lib)(/|$)")  # links into /usr
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/usr/sbin",
    "LANG": "C.UTF-8",
    "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
}


def possible() -> bool:
    """Whether this machine is one that an image can be made of."""
    shared = list(Path(sys.base_prefix, "lib").glob(f"lib{PYTHON}.so*"))
    return bool(shutil.which("dpkg-query") and sys.base_prefix != "/usr" and shared)


def make(docker: str, environment: dict[str, str], folder: Path, tag: str) -> None:
    """Import the image under `tag`; its files are gathered in `folder`."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (folder / "usr" / name).mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(f"usr/{name}")
    listed = folder.with_suffix(".list")
    listed.write_text("\n".join(sorted(debian_files())))
    pack = ["tar", "-C", "/", "--no-recursion", "-c", "-T", str(listed)]
    _pipe(pack, ["tar", "-C", str(folder), "-x", "-p", "--keep-directory-symlink"])
    for name in ("proc", "sys", "dev", "run", "tmp", "root", "usr/local"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "tmp").chmod(0o1777)
    without = ("site-packages/*", "test", "idlelib", "tkinter", "config-*")
    options = [f"--exclude=lib/{PYTHON}/{name}" for name in without]
    content = [f"lib/{PYTHON}", f"bin/{PYTHON}", *_shared_library()]
    pack = ["tar", "-C", sys.base_prefix, *options, "--exclude=__pycache__", "-c", *content]
    _pipe(pack, ["tar", "-C", str(folder / "usr/local"), "-x"])
    for name in ("python3", "python"):
        (folder / "usr/local/bin" / name).symlink_to(PYTHON)
    certificates = folder / "etc/ssl/certs/ca-certificates.crt"
    shutil.copyfile("/etc/ssl/certs/ca-certificates.crt", certificates)
    (folder / "etc/pip.conf").write_text("[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")
    subprocess.run(["chroot", str(folder), "/usr/sbin/ldconfig"], check=True)
    changes = [part for pair in ENVIRONMENT.items() for part in ("-c", "ENV " + "=".join(pair))]
    tar = ["tar", "-C", str(folder), "--numeric-owner", "-c", "."]
    _pipe(tar, [docker, "import", *changes, "-", tag], environment=environment)


def debian_files() -> set[str]:
    """The files of PACKAGES and of what they depend on, as paths without the first slash."""
    form = "${Package}\t${Pre-Depends}, ${Depends}\n"
    lines = _output("dpkg-query", "-W", "-f", form).splitlines()
    needs = {
        package: {re.split(r"[ (:|]", name.strip())[0] for name in re.split(r"[,|]", names)}
        for package, names in (line.split("\t") for line in lines)
    }
    todo, seen = set(PACKAGES), set[str]()
    while todo:
        package = todo.pop()
        if package in needs and package not in seen:
            seen.add(package)
            todo |= needs[package]
    listed = _output("dpkg-query", "-L", *sorted(seen)).splitlines()
    files = {MERGED.sub(r"/usr/\1\2", line) for line in listed if line.startswith("/")}
    files |= {"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/os-release"}
    return {file[1:] for file in files if os.path.lexists(file) and not LEFT_OUT.match(file)}


def _shared_library() -> list[str]:
    found = Path(sys.base_prefix, "lib").glob(f"lib{PYTHON}.so*")
    return [f"lib/{path.name}" for path in found]


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _pipe(
    producer: list[str], consumer: list[str], environment: dict[str, str] | None = None
) -> None:
    with subprocess.Popen(producer, stdout=subprocess.PIPE) as made:
        quiet = subprocess.DEVNULL
        subprocess.run(consumer, stdin=made.stdout, check=True, stdout=quiet, env=environment)
    assert made.returncode == 0
