"""The HTTP server on loopback, for clients in other processes."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from reconciler.emulator.admin import PREFIX, handle_admin
from reconciler.emulator.app import handle
from reconciler.emulator.faults import ConnectionDropped
from reconciler.emulator.key import key_text
from reconciler.emulator.message import Request, Response
from reconciler.emulator.state import load_worlds, save_worlds
from reconciler.emulator.world import World

HOST = "127.0.0.1"
SAVE_DELAY = 0.2


class Saver:
    """Writes the state file soon after a change, many changes at once, and at the end."""

    def __init__(self, worlds: Sequence[World], path: Path) -> None:
        self.worlds = list(worlds)
        self.path = path
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="emulator-saver", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        self._changed.set()

    def close(self) -> None:
        """Stop, with everything written."""
        self._closing.set()
        self._changed.set()
        self._thread.join()
        save_worlds(self.worlds, self.path)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._changed.wait()
            self._changed.clear()
            if not self._closing.wait(SAVE_DELAY):
                save_worlds(self.worlds, self.path)


class Listener(ThreadingHTTPServer):
    """The socket, with the worlds that answer on it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, worlds: list[World], port: int) -> None:
        self.worlds = worlds
        self.saver: Saver | None = None
        super().__init__((HOST, port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up; a fault of the emulator itself is still shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "emulator"
    disable_nagle_algorithm = True
    server: Listener

    def do_GET(self) -> None:
        self._exchange()

    def do_POST(self) -> None:
        self._exchange()

    def do_DELETE(self) -> None:
        self._exchange()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr; the log is the world's."""

    def _exchange(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        try:
            response = self._answer(request)
        except ConnectionDropped:
            self._hang_up()
            return
        finally:
            if self.server.saver is not None and self.command != "GET":
                self.server.saver.changed()
        self._send(response)

    def _answer(self, request: Request) -> Response:
        if request.path.startswith(PREFIX):
            return handle_admin(self.server.worlds, request)
        return handle(_world_of(self.server.worlds, request), request)

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        length = len(response.body) if response.promised is None else response.promised
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(response.body)
        if length > len(response.body):
            self.wfile.flush()
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


class Server:
    """A running server; `url` is its base address."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._thread = threading.Thread(target=listener.serve_forever, args=(0.05,), name="emulator", daemon=True)
        self._closed = False
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._listener.server_address[1]}"

    @property
    def worlds(self) -> list[World]:
        return self._listener.worlds

    def close(self) -> None:
        """Stop answering and save; once is enough."""
        if self._closed:
            return
        self._closed = True
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()
        if self._listener.saver is not None:
            self._listener.saver.close()

    def close_on_sigterm(self) -> None:
        """Save and leave when the process is asked to end. Only the main thread may call this."""

        def leave(signum: int, frame: FrameType | None) -> None:
            # The listener waits for its own thread, so it is not stopped from within the signal's handler.
            threading.Thread(target=self.close, name="emulator-close").start()

        signal.signal(signal.SIGTERM, leave)

    def wait(self) -> None:
        """Return once the server has been closed."""
        self._thread.join()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(worlds: World | Sequence[World], port: int = 0, state_file: Path | None = None) -> Server:
    """Answer for these worlds on loopback, each chosen by its keys. A state file that exists replaces them."""
    served = [worlds] if isinstance(worlds, World) else list(worlds)
    if state_file is not None and state_file.exists():
        clock = served[0].clock if served else None
        served = load_worlds(state_file, clock)
    if not served:
        raise ValueError("a server needs a world")
    texts = [text for world in served for text in world.keys]
    if len(texts) != len(set(texts)):
        raise ValueError("two worlds have the same key")
    listener = Listener(served, port)
    if state_file is not None:
        listener.saver = Saver(served, state_file)
    return Server(listener)


def _world_of(worlds: Sequence[World], request: Request) -> World:
    """The world of the request's key; the first one refuses a key that none knows."""
    text = key_text(request.header("Authorization"))
    return next((world for world in worlds if text in world.keys), worlds[0])
