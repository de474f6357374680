"""A function in a thread of its own, which others may wait for or abandon."""

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Generic, TypeVar

from sdplay.http.cutting import Connections

_T = TypeVar("_T")


class Call(Generic[_T]):
    """A function running in its own daemon thread: a picture takes long, and someone may want to
    stop it."""

    def __init__(self, work: Callable[[], _T]) -> None:
        self._done = threading.Event()
        self._value: list[_T] = []
        self._error: BaseException | None = None
        self._connections = Connections()
        threading.Thread(target=self._run, args=(work,), daemon=True, name="sdplay-call").start()

    def wait(self, seconds: float) -> bool:
        """True as soon as it has ended, False after that many seconds."""
        return self._done.wait(seconds)

    def result(self) -> _T:
        """What the function returned, or the error it ended with."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value[0]

    def abandon(self) -> None:
        """Nobody waits for it any more: its connections are cut, so that its thread ends."""
        self._connections.cut()

    def _run(self, work: Callable[[], _T]) -> None:
        try:
            with closing(self._connections), self._connections.noted():
                self._value.append(work())
        except BaseException as error:  # handed over to result()
            self._error = error
        finally:
            self._done.set()
