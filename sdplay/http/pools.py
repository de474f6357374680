"""urllib3's and requests' connections, noted by whoever may have to cut them."""

import socket
from typing import Any

import urllib3
import urllib3.connection
from requests.adapters import HTTPAdapter

from sdplay.http.cutting import noted


class _Connection(urllib3.connection.HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return noted(super()._new_conn())


class _SecureConnection(urllib3.connection.HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return noted(super()._new_conn())


class Pool(urllib3.HTTPConnectionPool):
    """urllib3's pool, its connections noted."""

    ConnectionCls = _Connection


class SecurePool(urllib3.HTTPSConnectionPool):
    """urllib3's pool with TLS, its connections noted."""

    ConnectionCls = _SecureConnection


class Adapter(HTTPAdapter):
    """Requests' adapter with these pools."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Make the manager as requests does, then give it our kinds of pool."""
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}

    def proxy_manager_for(self, proxy: str, **named: Any) -> urllib3.ProxyManager:
        """The same behind a proxy."""
        manager: urllib3.ProxyManager = super().proxy_manager_for(proxy, **named)
        manager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}
        return manager
