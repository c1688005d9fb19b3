"""What all tests share: one PostgreSQL server for a session, and no way out to the network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.postgres import PostgresServer, running_postgres

# Here, since other rooms of the tests use them, too, and whoever imports one first decides.
pytest.register_assert_rewrite("tests.mirror.likeness", "tests.mirror.restless", "tests.mirror.syncing")


class NetworkUsed(AssertionError):
    """A test reached for something beyond this machine."""


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Refuse every connection but to loopback and Unix sockets, and every look-up of another host's name."""
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_beyond(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_beyond(self.family, address)
        return connect_ex(self, address)

    def guarded_look_up(host: Any, *more: Any, **options: Any) -> Any:
        if not _is_here(host):
            raise NetworkUsed(f"the name {host!r} was looked up")
        return look_up(host, *more, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield


def _refuse_beyond(family: int, address: Any) -> None:
    if family != socket.AF_UNIX and not _is_here(address[0]):
        raise NetworkUsed(f"a connection to {address!r} was opened")


def _is_here(host: Any) -> bool:
    text = host.decode() if isinstance(host, bytes) else host
    if text in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for all tests of this session that need one."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """The URL of a database without a store."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS billplan CASCADE")
    return postgres.url
