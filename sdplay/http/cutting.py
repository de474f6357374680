"""Connections that another thread can cut: at a deadline, or when nobody waits for the answer.

A socket's own timeout starts anew with every byte, so a server that drips its headers would hold a
request for ever.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Self


class Connections:
    """The connections that were opened inside `with connections.noted():`."""

    def __init__(self) -> None:
        self.is_cut = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Note every connection that this thread opens until the end of the block."""
        before = _NOTING.set((*_NOTING.get(), self))
        try:
            yield
        finally:
            _NOTING.reset(before)

    def close(self) -> None:
        """Forget them; those that are still read stay open."""
        with self._lock:
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()

    def cut(self) -> None:
        """End them all: whoever reads from one is told that it is closed."""
        with self._lock:
            self.is_cut = True
            for connection in self._sockets:
                _shut(connection)

    def note(self, connection: socket.socket) -> None:
        """Remember a connection by a handle of its own, which TLS cannot take away."""
        with self._lock:
            handle = connection.dup()
            self._sockets.append(handle)
            if self.is_cut:
                _shut(handle)


_NOTING: ContextVar[tuple[Connections, ...]] = ContextVar("_NOTING", default=())


class Deadline:
    """Cuts connections once that many seconds have passed, unless it was called off."""

    def __init__(self, seconds: float) -> None:
        self.connections = Connections()
        self._timer = threading.Timer(seconds, self.connections.cut)
        self._timer.daemon = True
        self._timer.start()

    @property
    def has_passed(self) -> bool:
        return self.connections.is_cut

    def call_off(self) -> None:
        """Let the connections last."""
        self._timer.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self.connections.close()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side may have closed it already
        connection.shutdown(socket.SHUT_RDWR)


def noted(connection: socket.socket) -> socket.socket:
    """The same connection, known to everybody who notes what this thread opens."""
    for connections in _NOTING.get():
        connections.note(connection)
    return connection
