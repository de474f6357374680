"""Any server that speaks A1111's API: AUTOMATIC1111, Forge, SD.Next, stable-diffusion.cpp, Draw Things, KoboldCpp."""

import dataclasses
import io
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image

from sdplay.backends import Backend, Capabilities, Event
from sdplay.backends.a1111_dialects import encoded, ignored, request, route
from sdplay.backends.a1111_receipt import (
    applied,
    differences,
    info_of,
    position,
    reported,
    sent_pair,
    size_difference,
    unconfirmed,
)  # fmt: skip
from sdplay.backends.a1111_survey import PROGRESS, Server, look
from sdplay.backends.decode import NotAPicture, checked, from_base64
from sdplay.backends.wire import Call, Reply, Wire, error_text, on_this_machine, picture_bytes, refusal
from sdplay.errors import BackendBroken, BackendError, BackendOffline, BackendRefused, BadParams
from sdplay.params import Params, image_name
from sdplay.picture import Picture, Progress, Receipt, Timing, jpeg_bytes, png_bytes
from sdplay.settings import setting

POLL_SECONDS = 0.5
PREVIEW_SECONDS = 1.5
CLOSE_SECONDS = 10.0
"""How long closing waits for the server to stop; a thread goes on telling it after that."""
IDLE_SECONDS = 300.0
"""A server that does nothing for so long while it owes us a picture has lost it."""


class A1111(Backend):
    """One server at SDPLAY_A1111_URL, or at the address given."""

    name = "a1111"
    label = "Automatic1111, Forge and the like"

    def __init__(self, url: str = "", auth: str = "", *, patience: float = 3600.0, idle: float = IDLE_SECONDS) -> None:
        base = re.sub(r"/(sdapi(/v1)?|docs)?/?$", "", url or setting("SDPLAY_A1111_URL"))
        user, colon, password = (auth or setting("SDPLAY_A1111_AUTH")).partition(":")
        self.patience, self.idle = patience, idle
        self.wire = Wire(base, label="The A1111 server", setting="SDPLAY_A1111_URL",
                         auth=(user, password) if colon else None)  # fmt: skip
        self.remote = not on_this_machine(base)
        self._server: Server | None = None

    def probe(self) -> Capabilities:
        return self._look().capabilities()

    def payload(self, params: Params) -> dict[str, Any]:
        server = self._known()
        body = request(params, server.dialect, server.names)
        if server.tasks:
            # The same settings make the same name, so that what is shown is what goes out.
            return {"force_task_id": f"task(sdplay-{params.key()[:12]})", **body}
        return body

    def model_version(self, params: Params) -> str:
        """Asked anew each time: somebody may have changed the model in the server's own page."""
        server = self._known(or_again=True)
        if not params.model and server.status in ("ready", "busy"):
            server = dataclasses.replace(server, model=self._model_now() or server.model)
        return server.weights(params.model)

    def generate(self, params: Params) -> Iterator[Event]:
        started = time.monotonic()
        yield Progress(message="Looking for the server")
        server = self._known(or_again=True)
        body = self.payload(params)
        wire = dataclasses.replace(self.wire, label=server.dialect.label)
        call = Call(lambda: wire.post(route(body), body, seconds=self.patience))
        watch = _Watch(wire, server, str(body.get("force_task_id", "")), self.idle)
        try:
            yield from watch.until(call)
            reply = call.result()
        except GeneratorExit:
            watch.stop(call)
            raise
        yield self._picture(params, server, body, reply, _Spent(started, watch.interrupted(), watch.queued))

    def upscale(self, image: Image.Image, factor: float, upscaler: str) -> Image.Image:
        server = self._known(or_again=True)
        if upscaler in server.latent_modes and upscaler not in (server.upscalers or ()):
            raise BadParams(f"{upscaler} works only inside hires fix. Choose one of: "
                            f"{', '.join(server.upscalers or ()) or 'Lanczos'}.")  # fmt: skip
        body = {"image": encoded(png_bytes(image)), "upscaler_1": upscaler, "upscaling_resize": factor}
        reply = self.wire.post("sdapi/v1/extra-single-image", body, seconds=self.patience)
        data = picture_bytes(self._answer(reply).get("image"), self.wire)
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
            return opened.copy()

    def _look(self) -> Server:
        self._server = look(self.wire)
        return self._server

    def _known(self, or_again: bool = False) -> Server:
        """What the last look found; looks when there was none, or `or_again` when it found nothing."""
        kept = self._server
        if kept is None or (or_again and kept.status != "ready" and not kept.progress):
            return self._look()
        return kept

    def _model_now(self) -> str:
        try:
            told = self.wire.get("sdapi/v1/options", seconds=2).json()
        except BackendError:
            return ""
        model = told.get("sd_model_checkpoint") if isinstance(told, dict) else None
        return model if isinstance(model, str) else ""

    def _picture(self, params: Params, server: Server, body: dict[str, Any], reply: Reply, spent: "_Spent") -> Picture:
        answer = self._answer(reply)
        data = picture_bytes(_first_picture(answer, self.wire.label), self.wire)
        told = reported(info_of(answer), data)
        timing = Timing(time.monotonic() - spent.started, queued=spent.queued, network=_network(reply))
        receipt = self._receipt(params, server, body, told, data)
        extra = [*_more(answer), *(["It was interrupted at the server, so it is not finished."] if spent.cut else [])]
        receipt = dataclasses.replace(receipt, warnings=(*receipt.warnings, *extra))
        model = str(told.get("model") or server.model)
        return Picture(data, params, self.name, timing, receipt, model=model, partial=spent.cut)

    def _receipt(self, params: Params, server: Server, body: Mapping[str, Any], told: Mapping[str, Any],
                 data: bytes) -> Receipt:  # fmt: skip
        with Image.open(io.BytesIO(data)) as opened:
            size = opened.size
        sent = sent_pair(params, server.names, body)
        done = applied(told, params, sent, size)
        warnings = [*ignored(params, server.dialect), *differences(params, sent, told, done),
                    *size_difference(params, size), *unconfirmed(params, told, server.dialect)]  # fmt: skip
        model = {"model": str(told["model"])} if told.get("model") else {}
        return Receipt(params.as_dict(), self._shown(body), {**done, **model}, tuple(map(self.wire.clean, warnings)))

    def _shown(self, value: Any) -> Any:
        """The request for the receipt: pictures by name, keys blanked."""
        if isinstance(value, dict):
            return {name: self._shown(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._shown(each) for each in value]
        if not isinstance(value, str):
            return value
        return _image_name(value) or self.wire.clean(value)

    def _answer(self, reply: Reply) -> dict[str, Any]:
        if not reply.ok:
            raise self._refused(reply)
        answer = reply.json()
        if not isinstance(answer, dict):
            raise BackendBroken(f"{reply.label} answered with {type(answer).__name__} instead of a picture. Is "
                                f"{self.wire.address} its API? Check {self.wire.setting}.")  # fmt: skip
        return answer

    def _refused(self, reply: Reply) -> BackendError:
        if reply.status == 404 and error_text(reply) in ("", "Not Found"):
            return BackendRefused(f"{reply.label} at {self.wire.address} has no such API. Start A1111 or Forge with "
                                  f"--api, or check {self.wire.setting}.")  # fmt: skip
        name = "SDPLAY_A1111_AUTH" if reply.status in (401, 403) else self.wire.setting
        return refusal(reply, reply.label, name, self.wire.clean)


@dataclasses.dataclass(frozen=True)
class _Spent:
    """How the wait went."""

    started: float
    cut: bool
    queued: float | None


class _Watch:
    """Looks after one running request: where it stands, its preview, and how to stop it."""

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
        return isinstance(state, dict) and (state.get("interrupted") is True) and not state.get("job_count")

    def stop(self, call: Call[Reply]) -> None:
        """Tell the server to stop, until it has answered; it forgets what comes before our picture begins."""
        if self.server.progress:
            Call(lambda: self._interrupt(call)).wait(CLOSE_SECONDS)

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
        reached = _number(told.get("progress")) or 0.0
        # Within one job the bar never goes back; another job may be another person's.
        if job == self.furthest[1]:
            reached = max(reached, self.furthest[0])
        self.furthest = (reached, job)
        step, steps = _number(state.get("sampling_step")), _number(state.get("sampling_steps"))
        left = _number(told.get("eta_relative"))
        text = told.get("textinfo")
        return Progress(
            fraction=min(1.0, max(0.0, reached)), step=int(step) if step is not None else None,
            steps=int(steps) if steps else None, seconds_left=left if left and left > 0 else None,
            preview=_preview(told.get("current_image")), message=text if isinstance(text, str) else "")  # fmt: skip

    def _task_waits(self) -> tuple[str, int | None] | None:
        """What the server says while our own task stands in its queue; None once it runs."""
        told = self._post("internal/progress", {"id_task": self.task, "live_preview": False, "id_live_preview": -1})
        if not isinstance(told, dict) or not told.get("queued"):
            return None
        text = told.get("textinfo") if isinstance(told.get("textinfo"), str) else "In the server's queue"
        place = re.search(r"(\d+)\s*/\s*\d+", str(text))
        return str(text), int(place.group(1)) if place else None

    def _check_alive(self) -> None:
        label = self.server.dialect.label
        if time.monotonic() - self.heard > self.idle:
            raise BackendOffline(f"{label} at {self.wire.address} no longer answers. Is it still running?")
        if time.monotonic() - self.busy > self.idle:
            raise BackendBroken(f"{label} has been idle for {self.idle:g} s and never sent the picture. "
                                "Look at its console, then try again.")  # fmt: skip

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


def _first_picture(answer: Mapping[str, Any], label: str) -> Any:
    images = answer.get("images")
    at = position(info_of(answer))
    if isinstance(images, str):
        return images
    if not isinstance(images, list):
        raise BackendBroken(f"{label} sent no list of pictures. Is it an A1111-compatible API? Check its version.")
    if not images:
        raise BackendBroken(f"{label} made no picture: its list of images is empty. Look at its console for the "
                            "reason, then try again.")  # fmt: skip
    return images[at if at < len(images) else 0]


def _more(answer: Mapping[str, Any]) -> Iterator[str]:
    seeds = info_of(answer).get("all_seeds")
    if isinstance(seeds, list) and len(seeds) > 1:
        yield f"The server made {len(seeds)} pictures; the first one is kept. Use Compare for several."


def _network(reply: Reply) -> float | None:
    """The time of our request outside the server, where it tells how long it took."""
    told = _number(reply.headers.get("X-Process-Time"))
    return max(0.0, reply.seconds - told) if told is not None else None


def _preview(image: Any) -> bytes | None:
    if not isinstance(image, str) or not image:
        return None
    try:
        with Image.open(io.BytesIO(checked(from_base64(image)))) as opened:
            return jpeg_bytes(opened, longest=512)
    except (NotAPicture, OSError):
        return None


def _image_name(text: str) -> str:
    """The name of the picture that a long base64 text holds; empty when it holds none."""
    if len(text) < 64:
        return ""
    try:
        return image_name(checked(from_base64(text)))
    except NotAPicture:
        return ""


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


BACKEND = A1111
