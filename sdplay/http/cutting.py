"""Connections that another thread can cut, at a deadline or when nobody waits for the answer any
more.

A socket's own timeout starts anew with every byte, so a server that sends its headers byte by byte
would hold a request for ever.
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
        """Notes every connection that this thread opens until the end of the block."""
        before = _NOTING.set((*_NOTING.get(), self))
        try:
            yield
        finally:
            _NOTING.reset(before)

    def close(self) -> None:
        """Forgets all connections. Those that are still read stay open."""
        with self._lock:
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()

    def cut(self) -> None:
        """Cuts all connections. Whoever reads from one gets the error that it is closed."""
        with self._lock:
            self.is_cut = True
            for connection in self._sockets:
                _shut(connection)

    def note(self, connection: socket.socket) -> None:
        """Notes a connection by a duplicate of its socket, which TLS cannot take away."""
        with self._lock:
            handle = connection.dup()
            self._sockets.append(handle)
            if self.is_cut:
                _shut(handle)


_NOTING: ContextVar[tuple[Connections, ...]] = ContextVar("_NOTING", default=())


class Deadline:
    """Cuts connections after that many seconds, unless it is called off before."""

    def __init__(self, seconds: float) -> None:
        self.connections = Connections()
        self._timer = threading.Timer(seconds, self.connections.cut)
        self._timer.daemon = True
        self._timer.start()

    @property
    def has_passed(self) -> bool:
        return self.connections.is_cut

    def call_off(self) -> None:
        """Ends the deadline, so that the connections stay open."""
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
    """The same connection, after everybody who notes this thread's connections was told of it."""
    for connections in _NOTING.get():
        connections.note(connection)
    return connection
