"""Connection pools of urllib3 and requests whose connections can be cut by another thread."""

import socket
from collections.abc import Callable
from typing import Any

import requests  # as a whole, first: another thread may be in the middle of its parts
import requests.adapters
import urllib3
import urllib3.connection

from sdplay.http.cutting import noted
from sdplay.http.fence import checked_addresses


class _Connection(urllib3.connection.HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return noted(_to_checked(self, super()._new_conn))


class _SecureConnection(urllib3.connection.HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return noted(_to_checked(self, super()._new_conn))


def _to_checked(
    connection: urllib3.connection.HTTPConnection, connect: Callable[[], socket.socket]
) -> socket.socket:
    """Connects, for a guest only to an address that was checked, so that a name which resolves
    differently a moment later gains nothing.

    TLS and the Host header keep the name.
    """
    host = connection._dns_host
    addresses = checked_addresses(host, connection.port)
    try:
        for address in addresses[:-1]:
            connection._dns_host = address
            try:
                return connect()
            except urllib3.exceptions.HTTPError:
                continue  # as create_connection does: the last one's failure is told
        connection._dns_host = addresses[-1] if addresses else host
        return connect()
    finally:
        connection._dns_host = host


class Pool(urllib3.HTTPConnectionPool):
    """urllib3's pool, with every connection noted."""

    ConnectionCls = _Connection


class SecurePool(urllib3.HTTPSConnectionPool):
    """urllib3's pool for TLS, with every connection noted."""

    ConnectionCls = _SecureConnection


class Adapter(requests.adapters.HTTPAdapter):
    """The adapter for requests that uses these pools."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Makes the manager as requests does, but with our kinds of pool."""
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}

    def proxy_manager_for(self, proxy: str, **named: Any) -> urllib3.ProxyManager:
        """Makes the manager for a proxy in the same way."""
        manager: urllib3.ProxyManager = super().proxy_manager_for(proxy, **named)
        manager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}
        return manager
