"""Which process on which machine holds something, and whether it has ended."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """A process number, and the `host` in which that number means this process and no other."""

    host: str
    pid: int


def this_process() -> ProcessIdentity:
    """Name the running process."""
    return ProcessIdentity(host=_host(), pid=os.getpid())


def has_ended(process: ProcessIdentity) -> bool:
    """Whether the process is known to be gone; False wherever that cannot be known."""
    # Elsewhere than on POSIX, signal 0 is a real one and would stop the process.
    if os.name != "posix" or process.host != _host():
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _host() -> str:
    """The machine's name, with what tells two boots and two containers of one name apart.

    Containers can share a hostname and a volume while each has its own process numbers: a number that means nothing
    here may well be a running apply over there.
    """
    parts = [socket.gethostname()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    except OSError:
        pass
    return " ".join(parts)
