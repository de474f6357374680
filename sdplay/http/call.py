"""Runs a function in a thread of its own, so that others can wait for it or give it up."""

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Generic, TypeVar

from sdplay.http.cutting import Connections

_T = TypeVar("_T")


class Call(Generic[_T]):
    """A function that runs in a daemon thread of its own, because a picture takes long and somebody
    may want to stop it."""

    def __init__(self, work: Callable[[], _T]) -> None:
        self._done = threading.Event()
        self._value: list[_T] = []
        self._error: BaseException | None = None
        self._connections = Connections()
        threading.Thread(target=self._run, args=(work,), daemon=True, name="sdplay-call").start()

    def wait(self, seconds: float) -> bool:
        """Waits that many seconds at most, and returns whether the function has ended."""
        return self._done.wait(seconds)

    def result(self) -> _T:
        """Returns what the function returned, or raises the error it ended with."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value[0]

    def abandon(self) -> None:
        """Gives the function up and cuts its connections, so that its thread ends."""
        self._connections.cut()

    def _run(self, work: Callable[[], _T]) -> None:
        try:
            with closing(self._connections), self._connections.noted():
                self._value.append(work())
        except BaseException as error:  # handed over to result()
            self._error = error
        finally:
            self._done.set()
