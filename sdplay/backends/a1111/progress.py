"""Looking after one running request of an A1111 server: where it stands, its preview, and how to
stop it."""

import io
import math
import random
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from PIL import Image

from sdplay.backends.a1111.probe import PROGRESS, Server
from sdplay.errors import BackendBroken, BackendError, BackendLost
from sdplay.files.decode import NotAPicture, checked, from_base64
from sdplay.http.call import Call
from sdplay.http.wire import Reply, Wire
from sdplay.picture import Progress, jpeg_bytes

POLL_SECONDS = 0.5
PREVIEW_SECONDS = 1.5
CLOSE_SECONDS = 10.0
"""How long closing waits for the server to stop; a thread goes on telling it after that."""
SILENT_SECONDS = 90.0
"""How long a server that says nothing is still told to stop: a restart takes about a minute."""
TOLD_SECONDS = 3600.0
"""How long a server that answers everything but our picture is told to stop it."""
IDLE_SECONDS = 300.0
"""A server that does nothing for so long while it owes us a picture has lost it."""


OPTIONS = "sdapi/v1/options"
MARK = "training_tensorboard_flush_every"
"""An option that only training reads, usually 120 seconds."""


class Watch:
    """One request under way.  Make it just before the request is sent: what the server does then is
    another's."""

    def __init__(self, wire: Wire, server: Server, body: Mapping[str, Any], idle: float) -> None:
        self.wire, self.server, self.idle = wire, server, idle
        self.task = str(body.get("force_task_id", ""))
        self.mark = mark_of(body)
        self.heard = time.monotonic()
        self.job = OurJob(self._state() if server.progress and not self.task else {}, body)
        self.started = self.heard = self.busy = time.monotonic()
        self.previewed = 0.0
        self.queued: float | None = None
        self.furthest = 0.0
        self.options: dict[str, Any] = {}
        """The server's options while it works on our picture."""
        self.cut: set[str] = set()
        """The jobs that were seen stopped, by the names that the server gives them."""

    def until(self, call: Call[Reply]) -> Iterator[Progress]:
        """Progress until the answer is there."""
        label = self.server.dialect.label
        yield Progress(message=f"Sent to {label}")
        while not call.wait(POLL_SECONDS):
            last = Progress(message=f"{label} is working ({time.monotonic() - self.started:.0f} s)")
            if self.server.progress:
                poll = Call(self._progress)
                # A slow answer about the progress holds up neither the picture nor a cancel.
                while not poll.wait(POLL_SECONDS / 2):
                    if call.wait(0):
                        return
                    yield last
                self._check_alive()
                last = poll.result() or last
            yield last

    def interrupted(self, job: str = "") -> bool:
        """Whether somebody stopped or skipped our picture at the server, which then answers with
        what it had; `job` is what the answer calls our job."""
        state = self._state() if self.server.progress else {}
        last = job in ("", str(state.get("job_timestamp")))
        return job in self.cut or (last and _is_cut(state) and not state.get("job_count"))

    def stop(self, call: Call[Reply]) -> None:
        """Tell the server to stop, until it has answered; it forgets what comes before our picture
        begins."""
        if not self.server.progress:
            call.abandon()
        elif not call.wait(0):
            Call(lambda: self._interrupt(call)).wait(CLOSE_SECONDS)

    def _interrupt(self, call: Call[Reply]) -> None:
        """Tell it as long as it answers: hanging up does not take our picture out of its queue."""
        refused, self.heard = 0, time.monotonic()
        ends = self.heard + TOLD_SECONDS
        while refused < 10 and time.monotonic() < min(ends, self.heard + SILENT_SECONDS):
            if self._is_running():
                refused += not self._post(f"sdapi/v1/interrupt{self._named()}")
            if call.wait(POLL_SECONDS):
                return
        call.abandon()

    def _is_running(self) -> bool:
        """Whether the server works on our picture now, and on nobody else's."""
        if self.task:
            return self._task().get("active") is True
        begun = self._has_begun()
        return begun and self.job.is_this(self._state(), by_mark=self.mark is not None)

    def _has_begun(self) -> bool:
        """Whether our mark stands at the server: it does from our picture's first moment, and we
        have no answer yet.  Ask before the state: a job that begins later is not ours."""
        if self.mark is None or self.job.name:
            return True
        options = self._ask(OPTIONS)
        begun = options.get(MARK) == self.mark
        self.options = options if begun else {}
        return begun

    def _progress(self) -> Progress | None:
        if self.task and (waits := self._waits()):
            return waits
        begun = bool(self.task) or self._has_begun()
        show = time.monotonic() - self.previewed >= PREVIEW_SECONDS
        answer = self._ask(PROGRESS.replace("true", "false") if show else PROGRESS)
        state = answer.get("state")
        if not isinstance(state, dict):
            return None
        self.heard = time.monotonic()
        self.previewed = self.heard if show else self.previewed
        if not state.get("job_count"):
            return Progress(message=f"{self.server.dialect.label} is getting ready")
        if _is_cut(state):
            # Once the next one's picture has begun, the server says no more of it.
            self.cut.add(str(state.get("job_timestamp")))
        self.busy = self.heard
        by_mark = self.mark is not None
        if not self.task and not (begun and self.job.is_this(state, by_mark=by_mark)):
            self.queued = self.heard - self.started
            return Progress(
                position=1, message=f"{self.server.dialect.label} makes another picture first"
            )
        return self._read(answer, state)

    def _read(self, answer: Mapping[str, Any], state: Mapping[str, Any]) -> Progress:
        self.furthest = max(self.furthest, number(answer.get("progress")) or 0.0)
        step, steps = number(state.get("sampling_step")), number(state.get("sampling_steps"))
        left = number(answer.get("eta_relative"))
        text = answer.get("textinfo")
        return Progress(
            fraction=min(1.0, max(0.0, self.furthest)),
            step=int(step) if step is not None else None,
            steps=int(steps) if steps else None,
            seconds_left=left if left and left > 0 else None,
            preview=_preview(answer.get("current_image")),
            message=text if isinstance(text, str) else "",
        )

    def _waits(self) -> Progress | None:
        """What the server says of our own task while it is not at work; None once it is."""
        task = self._task()
        if task.get("active") and not self.options and self.server.has_options:
            self.options = self._ask(OPTIONS)
        if not task.get("queued"):
            label = self.server.dialect.label
            away = task.get("active") is False
            return Progress(message=f"{label} is getting ready") if away else None
        self.busy = self.heard
        self.queued = self.heard - self.started
        text = str(task.get("textinfo") or "In the server's queue")
        match = re.search(r"(\d+)\s*/\s*\d+", text)
        return Progress(position=int(match.group(1)) if match else None, message=text)

    def _task(self) -> dict[str, Any]:
        question = {"id_task": self.task, "live_preview": False, "id_live_preview": -1}
        answer = self._post("internal/progress", question)
        return self._heard(answer if isinstance(answer, dict) else {})

    def _state(self) -> dict[str, Any]:
        state = self._ask(PROGRESS, seconds=2).get("state")
        return self._heard(state if isinstance(state, dict) else {})

    def _heard(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer; one that says something shows that the server is alive."""
        self.heard = time.monotonic() if answer else self.heard
        return answer

    def _check_alive(self) -> None:
        label = self.server.dialect.label
        if time.monotonic() - self.heard > self.idle:
            raise BackendLost(
                f"{label} at {self.wire.address} no longer answers. Is it still running?"
            )
        if time.monotonic() - self.busy > self.idle:
            raise BackendBroken(
                f"{label} has been idle for {self.idle:g} s and never sent the picture. "
                "Look at its console, then try again."
            )

    def _ask(self, path: str, seconds: float = 5) -> dict[str, Any]:
        try:
            answer = self.wire.get(path, seconds=seconds).json()
        except BackendError:
            return {}
        return answer if isinstance(answer, dict) else {}

    def _named(self) -> str:
        """Our job's name: servers that serve several at once stop this one, others pass over it."""
        return f"?id_task={quote(self.task)}" if self.task else ""

    def _post(self, path: str, body: Any = None) -> Any:
        """The decoded answer, {} for one without a body, None when it did not work."""
        try:
            reply = self.wire.post(path, body, seconds=5)
            return (reply.json() or {"done": True}) if reply.ok else None
        except BackendError:
            return None


def marked(server: Server, body: Mapping[str, Any]) -> dict[str, Any]:
    """The request with a mark that the server's options show while it works on it, where it names
    no tasks: without its web UI A1111 has one progress for all."""
    if not server.progress or server.tasks or MARK not in server.options:
        return dict(body)
    overrides = body.get("override_settings")
    mark = round(120 + random.SystemRandom().random() / 100, 9)
    # First, because to load another model takes long.
    return {**body, "override_settings": {MARK: mark, **(overrides or {})}}


def mark_of(body: Mapping[str, Any]) -> float | None:
    """The mark in a request."""
    overrides = body.get("override_settings")
    return number(overrides.get(MARK)) if isinstance(overrides, Mapping) else None


class OurJob:
    """Tells our job from others' on a server whose progress is one for all.

    Its jobs have only the second of their beginning as a name, and the number of their steps.
    """

    def __init__(self, before: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        self.others = str(before.get("job_timestamp", "")) if before.get("job_count") else ""
        self.name = ""
        self.steps = expected_steps(body)

    def is_this(self, state: Mapping[str, Any], by_mark: bool = False) -> bool:
        """Whether the job of this state is ours; no while that cannot be told."""
        name, count = str(state.get("job_timestamp", "")), number(state.get("job_count"))
        if by_mark and count and self.name in ("", name):
            self.name = name
            return True
        if not count or name == self.others != "" or self.name not in ("", name):
            return False
        step, steps = number(state.get("sampling_step")), number(state.get("sampling_steps"))
        # Before the first step the server still tells the number of steps of the job before.
        if not step:
            return not self.others
        if steps and self.steps and int(steps) not in self.steps:
            return False
        self.name = name
        return True


def _is_cut(state: Mapping[str, Any]) -> bool:
    return state.get("interrupted") is True or state.get("skipped") is True


def expected_steps(body: Mapping[str, Any]) -> frozenset[int]:
    """The numbers of steps that the server can name while it makes this request's picture; none
    where a script may do anything."""
    if body.get("script_name"):
        return frozenset()
    steps, second = number(body.get("steps")) or 0, number(body.get("hr_second_pass_steps")) or 0
    part = number(body.get("denoising_strength")) or 0.0
    return frozenset(
        {int(whole) for whole in (steps, second)}
        | {int(min(part, 0.999) * whole) + 1 for whole in (steps, second)}
    )


def number(value: Any) -> float | None:
    """A finite number, however it was written; else None."""
    try:
        result = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def _preview(image: Any) -> bytes | None:
    if not isinstance(image, str) or not image:
        return None
    try:
        with Image.open(io.BytesIO(checked(from_base64(image)))) as opened:
            return jpeg_bytes(opened, longest=512)
    except (NotAPicture, OSError):
        return None
