"""Files that browsers can fetch for a while after the page has stopped showing them: downloads and
films, whose address must be short.  Pictures travel inside the page, see `picture/inline.py`."""

import time
from pathlib import PurePosixPath

from streamlit.runtime.media_file_manager import MediaFileManager

SECONDS = 60.0
"""How long a file can be fetched after the last page showed it."""
SECONDS_IN_A_CROWD = 10.0
OF_ALL = 128 * 2**20
"""If all files that no page shows take more bytes than this, the shorter time holds."""


class OfferedFiles(MediaFileManager):
    """Streamlit's store of files for browsers, which keeps them for a while.

    Streamlit deletes the files that no page shows whenever a run ends, also another visitor's. A
    click on a button of a page that was drawn anew at that moment then downloaded nothing, and the
    file that a click had made was gone before the browser asked for it.
    """

    def remove_orphaned_files(self) -> None:
        """Deletes the files that no page has shown for a while, the oldest first."""
        now = time.monotonic()
        with self._lock:
            since = self._unused_since()
            unused = {id: since.get(id, now) for id in self._unused()}
            since.clear()
            since.update(unused)
            held = sum(map(self._size, unused))
            for id in sorted(unused, key=unused.__getitem__):
                if now - unused[id] < (SECONDS if held <= OF_ALL else SECONDS_IN_A_CROWD):
                    return
                held -= self._size(id)
                self._let_go(id)

    def execute_deferred(self, file_id: str) -> str:
        """Makes the file that a click asked for. If the file exists, its time begins anew."""
        url = super().execute_deferred(file_id)
        with self._lock:
            self._unused_since().pop(PurePosixPath(url).stem, None)
        return url

    def _unused_since(self) -> dict[str, float]:
        """For each file and button that no page shows, when that was first noticed."""
        return self.__dict__.setdefault("unused_since", {})  # type: ignore[no-any-return]

    def _unused(self) -> set[str]:
        shown = {id for ids in self._files_by_session_and_coord.values() for id in ids.values()}
        return {*self._file_metadata, *self._deferred_callables} - shown

    def _size(self, id: str) -> int:
        file = self.read_file(id)
        return file.content_size if file else 0

    def _let_go(self, id: str) -> None:
        del self._unused_since()[id]
        if id in self._file_metadata:
            self._delete_file(id)
        self._drop_deferred_id(id)
