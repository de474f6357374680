"""Looking after one running request of an A1111 server: where it stands, its preview, and how to
stop it."""

import io
import math
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image

from sdplay.backends.a1111_survey import PROGRESS, Server
from sdplay.backends.decode import NotAPicture, checked, from_base64
from sdplay.backends.wire import Call, Reply, Wire
from sdplay.errors import BackendBroken, BackendError
from sdplay.picture import Progress, jpeg_bytes

POLL_SECONDS = 0.5
PREVIEW_SECONDS = 1.5
CLOSE_SECONDS = 10.0
"""How long closing waits for the server to stop; a thread goes on telling it after that."""
IDLE_SECONDS = 300.0
"""A server that does nothing for so long while it owes us a picture has lost it."""


class Watch:
    """One request under way."""

    def __init__(self, wire: Wire, server: Server, task: str, idle: float) -> None:
        self.wire, self.server, self.task, self.idle = wire, server, task, idle
        self.started = self.heard = self.busy = time.monotonic()
        self.previewed = 0.0
        self.queued: float | None = None
        self.furthest = (0.0, "")
        """The fraction reached, and the server's name for the job that reached it."""

    def until(self, call: Call[Reply]) -> Iterator[Progress]:
        """Progress until the answer is there."""
        label = self.server.dialect.label
        yield Progress(message=f"Sent to {label}")
        while not call.wait(POLL_SECONDS):
            last = Progress(message=f"{label} is working ({time.monotonic() - self.started:.0f} s)")
            if self.server.progress:
                asked = Call(self._progress)
                # A slow answer about the progress holds up neither the picture nor a cancel.
                while not asked.wait(POLL_SECONDS / 2):
                    if call.wait(0):
                        return
                    yield last
                self._check_alive()
                last = asked.result() or last
            yield last

    def interrupted(self) -> bool:
        """Whether somebody stopped our picture at the server: it then answers with what it had."""
        state = self._ask(PROGRESS, seconds=2).get("state") if self.server.progress else None
        return (
            isinstance(state, dict)
            and (state.get("interrupted") is True)
            and not state.get("job_count")
        )

    def stop(self, call: Call[Reply]) -> None:
        """Tell the server to stop, until it has answered; it forgets what comes before our picture
        begins."""
        if self.server.progress and not call.wait(0):
            Call(lambda: self._interrupt(call)).wait(CLOSE_SECONDS)
        call.abandon()

    def _interrupt(self, call: Call[Reply]) -> None:
        refused = 0
        while refused < 10:
            if not (self.task and self._task_waits()):
                refused += not self._post("sdapi/v1/interrupt")
            if call.wait(POLL_SECONDS):
                return

    def _progress(self) -> Progress | None:
        if self.task and (waits := self._task_waits()):
            self.queued = time.monotonic() - self.started
            self.heard = self.busy = time.monotonic()
            return Progress(position=waits[1], message=waits[0])
        show = time.monotonic() - self.previewed >= PREVIEW_SECONDS
        told = self._ask(PROGRESS.replace("true", "false") if show else PROGRESS)
        state = told.get("state")
        if not isinstance(state, dict):
            return None
        self.heard = time.monotonic()
        self.previewed = self.heard if show else self.previewed
        if not state.get("job_count"):
            return Progress(message=f"{self.server.dialect.label} is getting ready")
        self.busy = self.heard
        return self._read(told, state)

    def _read(self, told: Mapping[str, Any], state: Mapping[str, Any]) -> Progress:
        job = str(state.get("job_timestamp", ""))
        reached = number(told.get("progress")) or 0.0
        # Within one job the bar never goes back; another job may be another person's.
        if job == self.furthest[1]:
            reached = max(reached, self.furthest[0])
        self.furthest = (reached, job)
        step, steps = number(state.get("sampling_step")), number(state.get("sampling_steps"))
        left = number(told.get("eta_relative"))
        text = told.get("textinfo")
        return Progress(
            fraction=min(1.0, max(0.0, reached)),
            step=int(step) if step is not None else None,
            steps=int(steps) if steps else None,
            seconds_left=left if left and left > 0 else None,
            preview=_preview(told.get("current_image")),
            message=text if isinstance(text, str) else "",
        )

    def _task_waits(self) -> tuple[str, int | None] | None:
        """What the server says while our own task stands in its queue; None once it runs."""
        told = self._post(
            "internal/progress",
            {"id_task": self.task, "live_preview": False, "id_live_preview": -1},
        )
        if not isinstance(told, dict) or not told.get("queued"):
            return None
        text = (
            told.get("textinfo")
            if isinstance(told.get("textinfo"), str)
            else "In the server's queue"
        )
        place = re.search(r"(\d+)\s*/\s*\d+", str(text))
        return str(text), int(place.group(1)) if place else None

    def _check_alive(self) -> None:
        label = self.server.dialect.label
        if time.monotonic() - self.heard > self.idle:
            raise BackendBroken(
                f"{label} at {self.wire.address} no longer answers. Is it still running?"
            )
        if time.monotonic() - self.busy > self.idle:
            raise BackendBroken(
                f"{label} has been idle for {self.idle:g} s and never sent the picture. "
                "Look at its console, then try again."
            )

    def _ask(self, path: str, seconds: float = 5) -> dict[str, Any]:
        try:
            told = self.wire.get(path, seconds=seconds).json()
        except BackendError:
            return {}
        return told if isinstance(told, dict) else {}

    def _post(self, path: str, body: Any = None) -> Any:
        """The decoded answer, {} for one without a body, None when it did not work."""
        try:
            reply = self.wire.post(path, body, seconds=5)
            return (reply.json() or {"done": True}) if reply.ok else None
        except BackendError:
            return None


def number(value: Any) -> float | None:
    """A finite number, however it was written; else None."""
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _preview(image: Any) -> bytes | None:
    if not isinstance(image, str) or not image:
        return None
    try:
        with Image.open(io.BytesIO(checked(from_base64(image)))) as opened:
            return jpeg_bytes(opened, longest=512)
    except (NotAPicture, OSError):
        return None
