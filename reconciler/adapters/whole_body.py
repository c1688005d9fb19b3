"""A session for the SDK's HTTP client that takes each body from the socket in one go.

`requests` takes 10 KB at a time and gives up the interpreter's lock for each: a page of 300 KB is then 30 turns in the
queue of the other readers, which costs eight of them more than the parsing does.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeAnswer:
    """What stripe.RequestsClient looks at in an answer; the body is whole and unpacked."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class WholeBodySession:
    """Stands in for a requests.Session, with a real one behind it for each thread."""

    def __init__(self) -> None:
        self._local = threading.local()

    def request(self, method: str, url: str, **options: Any) -> WholeAnswer:
        """Send one request; whatever goes wrong within the body is raised as urllib3 tells it."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _session(url)
        answered = session.request(method, url, stream=True, **options)
        # Read to its end, the connection goes back to the pool by itself; a body cut short closes it.
        content: bytes = answered.raw.read(decode_content=True)
        return WholeAnswer(status_code=answered.status_code, headers=answered.headers, content=content)

    def close(self) -> None:
        """Close this thread's connections."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is not None:
            session.close()


def _session(url: str) -> requests.Session:
    """A session that has looked at the environment once: by itself it would go through it for each request."""
    session = requests.Session()
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify, session.cert = found["proxies"], found["verify"], found["cert"]
    session.trust_env = False
    return session
