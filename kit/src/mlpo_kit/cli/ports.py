"""Check that a port is free, and find the process that holds it."""

from __future__ import annotations

import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from mlpo_kit.errors import PipelineError

MOST = 65536
_LISTENING = "0A"  # the state in /proc/net/tcp


def check_port(host: str, port: int, command: str) -> int:
    """Return the port if a server can listen on it; for 0, any free port.

    Raises PipelineError that names the process that holds it, and a free port for `command`.
    """
    if (usable := _try_port(host, port)) is not None:
        return usable
    holder = find_port_holder(port)
    free = next(filter(None, (_try_port(host, number) for number in range(port + 1, MOST))), 0)
    raise PipelineError(
        f"port {port} is taken{f' by {holder}' if holder else ''}: end that process, or choose "
        f"another port, such as `{command} PORT={free}`"
    )


def find_port_holder(port: int) -> str | None:
    """Find the process that listens on a port of this machine, such as `python (process 4711)`.

    Returns None if it is not known: another user's process, or a system that can't tell.
    """
    if Path("/proc/net/tcp").is_file():
        return _find_in_proc(port)
    with suppress(OSError):  # no lsof
        done = subprocess.run(
            ["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"],
            capture_output=True,
            text=True,
            check=False,
        )
        fields = {line[:1]: line[1:] for line in reversed(done.stdout.splitlines())}
        if fields.keys() >= {"p", "c"}:
            return f"{fields['c']} (process {fields['p']})"
    return None


def _try_port(host: str, port: int) -> int | None:
    """Listen on a port for a moment; returns it, or None if that is not possible."""
    try:
        with socket.create_server((host, port)) as listener:
            return int(listener.getsockname()[1])
    except OSError:
        return None


def _find_in_proc(port: int) -> str | None:
    """Find the process as Linux lists it: sockets by port, and open files by process."""
    sockets = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # another user's, or it has ended
            if any(str(file.readlink()) in sockets for file in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return None
