"""A pooler of transactions for the tests: it lends a server session to a client for one transaction at a time."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_IN_TRANSACTION = (b"T", b"E")


class _Stream:
    """Messages of PostgreSQL's protocol over one socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def take(self, count: int) -> bytes:
        """Read so many bytes; raises EOFError at the end."""
        found = b""
        while len(found) < count:
            piece = self.connection.recv(count - len(found))
            if not piece:
                raise EOFError
            found += piece
        return found

    def message(self) -> tuple[bytes, bytes]:
        """Read a message: its type, and all of it."""
        head = self.take(5)
        return head[:1], head + self.take(struct.unpack("!I", head[1:])[0] - 4)

    def until_ready(self) -> list[bytes]:
        """Read messages up to ReadyForQuery."""
        found = []
        while True:
            kind, whole = self.message()
            found.append(whole)
            if kind == b"Z":
                return found


class Pooler:
    """Lends the session that was used last, as such poolers do, or in turns the one that was not."""

    def __init__(self, server_socket: Path, *, lend: int) -> None:
        self._server_socket = server_socket
        self._lend = lend
        self._greeting: list[bytes] = []
        self._idle: list[_Stream] = []
        self._change = threading.Condition()
        self._sockets: list[socket.socket] = []

    def connect(self, sessions: int) -> None:
        """Open the pool."""
        startup = struct.pack("!I", 196608) + b"user\0owner\0database\0postgres\0\0"
        for _ in range(sessions):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(self._server_socket))
            self._sockets.append(connection)
            connection.sendall(struct.pack("!I", len(startup) + 4) + startup)
            stream = _Stream(connection)
            self._greeting = stream.until_ready()
            self._idle.append(stream)

    def serve(self, listener: socket.socket) -> None:
        """Take clients until the listener is closed."""
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._sockets.append(connection)
            threading.Thread(target=self._talk, args=(_Stream(connection),), daemon=True).start()

    def close(self) -> None:
        """Hang up on everybody."""
        for connection in self._sockets:
            connection.close()

    def _talk(self, client: _Stream) -> None:
        try:
            client.take(struct.unpack("!I", client.take(4))[0] - 4)
            client.connection.sendall(b"".join(self._greeting))
            while True:
                self._transaction(client)
        except (EOFError, OSError):
            client.connection.close()

    def _transaction(self, client: _Stream) -> None:
        kind, message = client.message()
        if kind == b"X":
            raise EOFError
        with self._change:
            self._change.wait_for(lambda: self._idle)
            server = self._idle.pop(self._lend)
        try:
            while True:
                server.connection.sendall(message)
                if kind in (b"Q", b"S"):
                    answer = server.until_ready()
                    client.connection.sendall(b"".join(answer))
                    if answer[-1][-1:] not in _IN_TRANSACTION:
                        return
                kind, message = client.message()
        finally:
            with self._change:
                self._idle.append(server)
                self._change.notify()


@contextmanager
def running_pooler(server_folder: Path, folder: Path, *, lend: int) -> Iterator[str]:
    """Run a pooler of four sessions before the server; give the store URL that goes through it."""
    pooler = Pooler(server_folder / ".s.PGSQL.5432", lend=lend)
    folder.mkdir()
    listener = socket.socket(socket.AF_UNIX)
    try:
        pooler.connect(4)
        listener.bind(str(folder / ".s.PGSQL.5432"))
        listener.listen()
        threading.Thread(target=pooler.serve, args=(listener,), daemon=True).start()
        yield f"postgresql://owner@/postgres?host={folder}"
    finally:
        listener.close()
        pooler.close()
