"""A visit: where it comes from, and how much of the server's memory it may use."""

import ctypes
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import cast
from urllib.parse import urlsplit

import streamlit as st
from streamlit import runtime
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import (
    UploadedFile,
    UploadedFileRec,
    UploadFileUrlInfo,
)

from sdplay.ui.offered import OfferedFiles

OURSELVES = ("localhost", "127.0.0.1", "::1")
PASSED_ON = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
)
OF_A_VISIT = 64 * 2**20
OF_ALL = 160 * 2**20
M_MMAP_THRESHOLD = -3
FILES_AT_ONCE = 1000
LETTERS = 1_000_000
"""The most letters of one text on the page."""


def from_this_machine() -> bool:
    """Whether the browser runs on the computer that serves the page."""
    return direct(st.context.ip_address, dict(st.context.headers))


def direct(address: str | None, headers: Mapping[str, str]) -> bool:
    """Whether there is nothing in between: the peer is loopback (None in Streamlit), the page was
    called by a name of this machine, and no proxy on this machine has left its headers."""
    lowered = {name.lower(): value for name, value in headers.items()}
    called = [
        urlsplit(f"//{lowered.get('host', '')}").hostname,
        urlsplit(lowered.get("origin", "")).hostname,
    ]
    return (
        address is None
        and all(name in OURSELVES for name in called)
        and not set(lowered) & set(PASSED_ON)
    )


class BoundedUploads(MemoryUploadedFileManager):
    """Streamlit's store of uploads, with a limit for the number and size of files.

    What those hold who have left is removed first, then the oldest files of whoever holds most,
    and their uploader is empty then.
    """

    def add_file(self, session_id: str, file: UploadedFileRec) -> None:
        """Stores one more file, and removes older ones if that is too much."""
        super().add_file(session_id, file)
        while self._bytes_of(session_id) > OF_A_VISIT and self._forget_oldest(session_id):
            pass
        while sum(map(self._bytes_of, [*self.file_storage])) > OF_ALL:
            if not self._forget_oldest(max([*self.file_storage], key=self._is_first_to_lose)):
                return

    def get_upload_urls(
        self, session_id: str, file_names: Sequence[str]
    ) -> list[UploadFileUrlInfo]:
        """Upload addresses for as many files as somebody can choose at once, since a message may
        name millions."""
        return super().get_upload_urls(session_id, file_names[:FILES_AT_ONCE])

    def _is_first_to_lose(self, session_id: str) -> tuple[bool, int]:
        """Whether its owner has left and something stays behind, and how much it is."""
        held = self._bytes_of(session_id)
        left = runtime.exists() and not runtime.get_instance().is_active_session(session_id)
        return left and held > 0, held

    def _bytes_of(self, session_id: str) -> int:
        return sum(len(file.data) for file in [*self.file_storage.get(session_id, {}).values()])

    def _forget_oldest(self, session_id: str) -> bool:
        """Removes the oldest file, and returns whether there was one."""
        oldest = next(iter([*self.file_storage.get(session_id, {})]), None)
        if oldest is None:
            return False
        self.remove_file(session_id, oldest)
        return True


def uploaded(file: UploadedFile | None) -> bytes:
    """The bytes in an uploader, the same object that the server holds; getvalue() would copy them
    in each run."""
    context = get_script_run_ctx()
    if file is None or context is None:
        return b""
    held = context.uploaded_file_mgr.get_files(context.session_id, [file.file_id])
    return held[0].data if held else file.getvalue()


def hold_to_bounds() -> None:
    """Sets the limits of this visit, and of the whole server."""
    _give_back_large_blocks()
    _ignore_what_concerns_others()
    if runtime.exists():
        store = cast("object", runtime.get_instance().uploaded_file_mgr)
        if type(store) is MemoryUploadedFileManager:
            store.__class__ = BoundedUploads
        files = cast("object", runtime.get_instance().media_file_mgr)
        if type(files) is MediaFileManager:
            files.__class__ = OfferedFiles
    for key, value in st.session_state.items():
        if isinstance(value, str) and len(value) > LETTERS:
            st.session_state[key] = value[:LETTERS]


@cache
def _ignore_what_concerns_others() -> None:
    """Ignores two messages that Streamlit lets any page send: to clear what the server holds for
    everybody, and to list the files of its repository. Both would make all others wait."""
    AppSession._handle_clear_cache_request = _ignore  # type: ignore[method-assign, assignment]
    AppSession._handle_git_information_request = _ignore  # type: ignore[method-assign, assignment]


def _ignore(session: AppSession) -> None:
    """Ignores this message."""


@cache
def _give_back_large_blocks() -> None:
    """Tells glibc to return freed blocks of a megabyte or more at once, because otherwise the
    memory of a large picture stays with the process."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, 2**20)
