"""Listen on a port, and say which process has it if it is taken."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path

from mlpo_kit.errors import PipelineError

LISTENING = "0A"  # the state in /proc/net/tcp
LAST = 65535


def listen(host: str, port: int, command: str = "make serve PORT={}") -> socket.socket:
    """Listen on a port; 0 is any free port. Raises PipelineError if that is not possible.

    `command` is the command that takes another port, for the message.
    """
    if not 0 <= port <= LAST:
        raise PipelineError(f"the port {port} does not exist: choose one from 1 to {LAST}")
    try:
        return socket.create_server((host, port))
    except PermissionError:
        raise PipelineError(
            f"only root may listen on port {port}: choose one from 1024, such as "
            + _suggest(command, host, 8000)
        ) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PipelineError(
                f"port {port} is taken by {_describe_holder(port)}: stop that, or choose another "
                f"port: {_suggest(command, host, port + 1)}"
            ) from None
        # `create_server` hides that the host is not known: its error has a negative number then.
        if error.errno == errno.EADDRNOTAVAIL or (error.errno or 0) < 0:
            raise PipelineError(f"this machine has no address {host!r} to listen on") from None
        raise


def check_port(host: str, port: int, command: str) -> None:
    """Raise PipelineError as `listen` does; for a server that opens the port itself."""
    listen(host, port, command).close()


def find_free_port(host: str, first: int) -> int:
    """Find a port that is free now, `first` or the next one after it; 0 if there is none."""
    for port in range(first, LAST + 1):
        with suppress(OSError), socket.create_server((host, port)):
            return port
    return 0


def find_holder(port: int) -> int | None:
    """Find the id of the process that listens on a port of this machine; None if not known.

    It is known on Linux, for a process of the same user.
    """
    sockets = {f"socket:[{inode}]" for inode in _find_inodes(port)}
    for link in Path("/proc").glob("[0-9]*/fd/*") if sockets else ():
        with suppress(OSError):
            if os.readlink(link) in sockets:
                return int(link.parts[2])
    return None


def _suggest(command: str, host: str, first: int) -> str:
    """Write the command with a port that is free now."""
    return f"`{command.format(find_free_port(host, first))}`"


def _describe_holder(port: int) -> str:
    """Describe the process that listens on a port, with the start of its command."""
    holder = find_holder(port)
    if holder is None:
        return "another process"
    command = ""
    with suppress(OSError):
        command = Path(f"/proc/{holder}/cmdline").read_text(errors="replace").replace("\0", " ")
    return f"process {holder} ({' '.join(command.split())[:80]})"


def _find_inodes(port: int) -> set[str]:
    """Find the inodes of the sockets that listen on a port, in the kernel's tables."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(fields[9])
    return inodes
