"""One prediction from request to answer: asked again while nothing can have been charged, followed,
stopped."""

import math
import random
import re
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sdplay.backends.predict.presets import Endpoint
from sdplay.errors import BackendBroken, BackendError, BackendOffline, BackendRefused
from sdplay.http.call import Call
from sdplay.http.wire import Reply, Wire, refusal, retry_after, waiting
from sdplay.picture import Progress

AGAIN = {
    409: ("is busy with another picture", 8.0),
    429: ("wants fewer requests", math.inf),
    503: ("is loading the model or overloaded", 30.0),
}
"""Answers that say that nothing was made, and the longest pause before asking again."""
OFFLINE_TRIES = 3
PATIENCE_SECONDS = 600.0
"""How long to go on asking before giving up."""
LONGEST_PAUSE = 30.0
"""Where the server does not tell how long to wait."""
SILENT_SECONDS = 60.0
"""How long a prediction that is under way may give no sign."""
CLOSE_SECONDS = 10.0
"""How long closing waits for the prediction to stop; a thread goes on trying after that."""
WAITS = frozenset({"starting", "queued", "pending", "in_queue"})
UNFINISHED = WAITS | {"processing", "running", "in_progress"}
_T = TypeVar("_T")
_BAR = re.compile(r"\d+%\|[^|]*\|\s*(\d{1,9})/(\d{1,9})")


@dataclass
class Prediction:
    """A request under way."""

    wire: Wire
    point: Endpoint
    body: Mapping[str, Any]
    seconds: float
    """The longest time for the picture."""
    pause: float = 1.0
    """Before the second try; each further pause is twice as long."""
    every: float = 0.5
    """Between two looks at a running prediction."""
    peeks: bool = False
    """Whether an empty request with our id shows where the prediction is, and can never start
    one."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:20])
    waited: float = 0.0
    """Seconds spent before the work began."""
    call: Call[Reply] | None = None
    """The request that may have started work which nobody has fetched yet."""

    def reply(self) -> Generator[Progress, None, Reply]:
        """Progress until the final answer, whatever it says.  Closing it cancels the prediction."""
        finished = False
        try:
            reply = yield from self._accepted()
            if self.point.preset.follow:
                reply = yield from self._followed(reply)
            finished = reply.ok
            return reply
        finally:
            if self.call and not finished and self.point.preset.cancel:
                Call(self._stop).wait(CLOSE_SECONDS)
            if self.call:
                self.call.abandon()

    def _accepted(self) -> Generator[Progress, None, Reply]:
        """The first answer that is more than "not now"."""
        started, tries = time.monotonic(), 0
        while True:
            tries += 1
            answer = yield from self._asked()
            if isinstance(answer, Reply) and answer.status not in AGAIN:
                self.waited = time.monotonic() - started - answer.seconds
                return answer
            why, seconds = self._again(answer, tries)
            if time.monotonic() - started + seconds > PATIENCE_SECONDS:
                raise self._refused(answer) if isinstance(answer, Reply) else answer
            yield from waiting(seconds, f"{self.wire.label} {why}: trying again")

    def _asked(self) -> Generator[Progress, None, Reply | BackendOffline]:
        """One try; BackendOffline means that nothing was sent."""
        preset, started = self.point.preset, time.monotonic()
        path = self.point.create.format(id=self.id)
        call = self.call = Call(
            lambda: self.wire.request(preset.method, path, json=self.body, seconds=self.seconds)
        )
        try:
            reply = yield from meanwhile(
                call, self.every, lambda: self._peek() or self._unanswered(started)
            )
        except BackendOffline as error:
            self.call = None
            return error
        self.call = call if reply.ok else None
        return reply

    def _unanswered(self, started: float) -> Progress:
        """What is known of a request that has no answer yet: who answers with an id has begun
        nothing until then."""
        if self.point.preset.follow:
            return Progress(message=f"Sent to {self.wire.label}")
        seconds = time.monotonic() - started
        return Progress(message=f"{self.wire.label} is working ({seconds:.0f} s)")

    def _again(self, answer: Reply | BackendOffline, tries: int) -> tuple[str, float]:
        """Why not now, and how long to wait: longer each time, and never in step with other
        clients."""
        pause = min(LONGEST_PAUSE, self.pause * 2 ** (tries - 1)) * random.uniform(0.8, 1.2)
        if not isinstance(answer, Reply):
            return "does not answer", pause if tries < OFFLINE_TRIES else math.inf
        why, longest = AGAIN[answer.status]
        return why, min(retry_after(answer) or pause, longest)

    def _peek(self) -> Progress | None:
        """Cog tells the state of a running prediction to those who send its id again."""
        if not self.peeks:
            return None
        try:
            reply = self.wire.request(
                "PUT", self.point.create.format(id=self.id), json={"input": {}}, seconds=5
            )
            return progress(reply.json(), self.wire.label) if reply.status == 202 else None
        except BackendError:
            return None

    def _followed(self, reply: Reply) -> Generator[Progress, None, Reply]:
        """The answer once the prediction has ended."""
        started = looked = time.monotonic()
        while reply.ok and _status(answer := reply.json()) in UNFINISHED:
            self.id = _id(answer, self.wire.label)
            yield progress(answer, self.wire.label)
            if looked - started > self.seconds:
                raise BackendBroken(
                    f"{self.wire.label} has not finished within {self.seconds:g} s, so it was "
                    "stopped. "
                    "Ask for fewer steps or a smaller size."
                )
            time.sleep(self.every)
            reply = yield from self._looked(progress(answer, self.wire.label))
            self.waited += time.monotonic() - looked if _status(answer) in WAITS else 0
            looked = time.monotonic()
        return reply

    def _looked(self, last: Progress) -> Generator[Progress, None, Reply]:
        """The prediction now.  Looking costs nothing, so a fault on the way is only waited out."""
        until, path = time.monotonic() + SILENT_SECONDS, self.point.preset.follow.format(id=self.id)
        while True:
            pause = 2 * self.every
            try:
                reply = yield from meanwhile(
                    Call(lambda: self.wire.get(path)), self.every, lambda: last
                )
            except BackendError as fault:
                error = fault
            else:
                if reply.status not in (429, 500, 502, 503, 504):
                    return reply
                error, pause = self._refused(reply), retry_after(reply) or pause
            if time.monotonic() + pause > until:
                raise error
            yield from waiting(
                pause, f"{self.wire.label} does not tell how far it is: asking again"
            )

    def _refused(self, reply: Reply) -> BackendError:
        return refusal(reply, self.wire.label, self.wire.setting, self.wire.clean)

    def _stop(self) -> None:
        """Cancel the prediction.  Where the id is ours it may not have arrived yet, so tell it
        until it has ended."""
        preset, call, ended = self.point.preset, self.call, False
        while call and not ended:
            ended = call.wait(self.every)
            try:
                if ended and preset.follow:
                    self.id = _id(call.result().json(), self.wire.label)
                if ended or not preset.follow:
                    self.wire.post(preset.cancel.format(id=self.id), seconds=5)
            except BackendError:
                continue


def meanwhile(
    call: Call[_T], every: float, tell: Callable[[], Progress]
) -> Generator[Progress, None, _T]:
    """What the call returns, and progress until then, so that somebody can stop waiting for it."""
    while not call.wait(every):
        yield tell()
    return call.result()


def progress(answer: Any, label: str) -> Progress:
    """Where a prediction is: the last line of its progress bar, else its status."""
    logs = answer.get("logs") if isinstance(answer, dict) else None
    if isinstance(logs, str) and (bars := _BAR.findall(logs[-4000:])):
        step, steps = int(bars[-1][0]), max(1, int(bars[-1][1]))
        return Progress(min(1.0, step / steps), step, steps, message=f"{label} is working")
    return Progress(
        message=f"{label} is {'waiting for a machine' if _status(answer) in WAITS else 'working'}"
    )


def _status(answer: Any) -> str:
    return str(answer.get("status", "")).lower() if isinstance(answer, dict) else ""


def _id(answer: Any, label: str) -> str:
    """The prediction's id, which becomes a part of addresses."""
    name = str(answer.get("id", "")) if isinstance(answer, dict) else ""
    if not re.fullmatch(r"[\w-]{1,80}", name):
        raise BackendRefused(
            f"{label} began a prediction without telling its id. Check SDPLAY_PREDICT_PRESET."
        )
    return name
