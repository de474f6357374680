"""A visit: where it comes from, and what it may hold in the server's memory."""

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
"""Of one text on the page."""


def from_this_machine() -> bool:
    """Whether the browser runs on the computer that serves the page."""
    return direct(st.context.ip_address, dict(st.context.headers))


def direct(address: str | None, headers: Mapping[str, str]) -> bool:
    """Nobody in between: the peer is loopback, which Streamlit tells as None, the page was
    called by a name of this machine, and no proxy, which is a peer on this machine too, has left
    its mark."""
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
    """Streamlit's store, which takes any number of files of a visit, with a bound.

    The oldest files of whoever holds most go; the uploader they were given to is empty then.
    """

    def add_file(self, session_id: str, file: UploadedFileRec) -> None:
        """Hold one more file, and forget older ones where that is too much."""
        super().add_file(session_id, file)
        while self._bytes_of(session_id) > OF_A_VISIT and self._forget_oldest(session_id):
            pass
        while sum(map(self._bytes_of, [*self.file_storage])) > OF_ALL:
            if not self._forget_oldest(max([*self.file_storage], key=self._bytes_of)):
                return

    def get_upload_urls(
        self, session_id: str, file_names: Sequence[str]
    ) -> list[UploadFileUrlInfo]:
        """Addresses for as many files as anybody chooses at once; a message may name millions."""
        return super().get_upload_urls(session_id, file_names[:FILES_AT_ONCE])

    def _bytes_of(self, session_id: str) -> int:
        return sum(len(file.data) for file in [*self.file_storage.get(session_id, {}).values()])

    def _forget_oldest(self, session_id: str) -> bool:
        """Whether there was one."""
        oldest = next(iter([*self.file_storage.get(session_id, {})]), None)
        if oldest is None:
            return False
        self.remove_file(session_id, oldest)
        return True


def uploaded(file: UploadedFile | None) -> bytes:
    """What an uploader got: the very bytes that the server holds, which getvalue() copies in each
    run."""
    context = get_script_run_ctx()
    if file is None or context is None:
        return b""
    held = context.uploaded_file_mgr.get_files(context.session_id, [file.file_id])
    return held[0].data if held else file.getvalue()


def hold_to_bounds() -> None:
    """Hold this visit, and the whole server, to what they may have."""
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
    """Streamlit lets any page clear what the server holds for all of them, its queue too, and ask
    for the files of its repository, while all others wait.  Neither is a visitor's to ask."""
    AppSession._handle_clear_cache_request = _ignore  # type: ignore[method-assign, assignment]
    AppSession._handle_git_information_request = _ignore  # type: ignore[method-assign, assignment]


def _ignore(session: AppSession) -> None:
    """Do nothing for this message."""


@cache
def _give_back_large_blocks() -> None:
    """Tell glibc to return every freed block of a megabyte at once: else what a large picture took
    stays with the process."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, 2**20)
