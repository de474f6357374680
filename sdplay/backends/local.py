"""The local process (`python -m sdplay serve`): our own stream of events, so that nothing has to be guessed."""

import base64
import dataclasses
import io
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from PIL import Image

from sdplay.backends import Backend, Capabilities, Event
from sdplay.backends.shown import shown
from sdplay.backends.wire import Call, Reply, Wire, on_this_machine, picture_bytes, refusal
from sdplay.errors import BackendBroken, BackendError, BackendOffline, BackendRefused, Cancelled
from sdplay.params import Params
from sdplay.picture import Frame, Picture, Progress, Receipt, Timing, png_bytes
from sdplay.settings import setting

START = "python -m sdplay serve --model <folder or .safetensors file>"
SILENT_SECONDS = 60.0
"""The process sends a line every second; without any for so long it is stuck."""


class Local(Backend):
    """The process at SDPLAY_LOCAL_URL, or at the address given."""

    name = "local"
    label = "Local process (diffusers)"

    def __init__(self, url: str = "", token: str = "", *, silence: float = SILENT_SECONDS) -> None:
        token = token or setting("SDPLAY_LOCAL_TOKEN")
        base = url or setting("SDPLAY_LOCAL_URL")
        self.silence = silence
        self.wire = Wire(base, label="The local process", setting="SDPLAY_LOCAL_URL",
                         headers={"Authorization": f"Bearer {token}"} if token else {})  # fmt: skip
        self.remote = not on_this_machine(base)

    def probe(self) -> Capabilities:
        try:
            reply = self.wire.get("sdplay/v1/about", seconds=3)
            told = reply.json() if reply.ok else None
        except BackendOffline:
            return Capabilities("down", f"No local process answers at {self.wire.address}. Start one: {START}")
        except BackendError as error:
            return Capabilities("down", str(error))
        if reply.status in (401, 403):
            return Capabilities("unauthorised", f"The local process at {self.wire.address} does not take our token. "
                                "Check SDPLAY_LOCAL_TOKEN.")  # fmt: skip
        if not isinstance(told, dict) or "schedulers" not in told:
            return Capabilities("down", f"Something else answers at {self.wire.address}. Check SDPLAY_LOCAL_URL, or "
                                f"start a local process: {START}")  # fmt: skip
        return _capabilities(told, self.wire.address)

    def model_version(self, params: Params) -> str:
        """Asked anew each time: another model may have been chosen for everybody."""
        try:
            told = self.wire.get("sdplay/v1/about", seconds=3).json()
            versions = told["versions"] if isinstance(told, dict) else {}
            name = params.model.split(" [")[0] or told["model"]
        except (BackendError, KeyError, TypeError):
            return params.model
        return str(versions.get(name, params.model))

    def payload(self, params: Params) -> dict[str, Any]:
        settings = {name: value for name, value in params.as_dict().items() if name != "extra"}
        images = {name: base64.b64encode(data).decode() for name, data in params.images().items()}
        return {"params": {**settings, **params.extra_fields()}, "images": images}

    def generate(self, params: Params) -> Iterator[Event]:
        began, id = time.monotonic(), uuid4().hex
        yield Progress(message="Looking for the local process")
        body = self.payload(params)
        more = {"id": id, "previews": self.previews, "urgent": self.previews, "frames": self.keep_frames}
        lines = self.wire.lines("sdplay/v1/pictures", {**body, **more}, silence=self.silence)
        try:
            for line in lines:
                event = self._event(line)
                if event.get("event") == "done":
                    yield self._picture(params, body, event, time.monotonic() - began)
                    return
                yield self._progress(event)
        except GeneratorExit:
            # Hanging up stops it too, but only when the next line is due.
            Call(lambda: self.wire.post(f"sdplay/v1/pictures/{id}/cancel", {}, seconds=5)).wait(1.0)
            raise
        finally:
            lines.close()
        raise BackendBroken(f"The local process broke off in the middle of the picture. It may have crashed: look at "
                            f"its console, then start it again: {START}")  # fmt: skip

    def upscale(self, image: Image.Image, factor: float, upscaler: str) -> Image.Image:
        body = {"image": base64.b64encode(png_bytes(image)).decode(), "upscaler_1": upscaler,
                "upscaling_resize": factor}  # fmt: skip
        reply = self.wire.post("sdapi/v1/extra-single-image", body)
        if not reply.ok:
            raise self._refused(reply)
        with Image.open(io.BytesIO(picture_bytes(reply.json().get("image"), self.wire))) as opened:
            opened.load()
            return opened.copy()

    def _event(self, line: bytes | Reply) -> dict[str, Any]:
        if isinstance(line, Reply):
            raise self._refused(line)
        try:
            event = json.loads(line)
        except ValueError as error:
            raise BackendBroken(f"What answers at {self.wire.address} is no local process. Check SDPLAY_LOCAL_URL.") \
                from error  # fmt: skip
        if event.get("event") == "failed":
            raise BackendRefused(self.wire.clean(str(event.get("error", "The picture could not be made."))))
        if event.get("event") == "cancelled":
            raise Cancelled("The picture was stopped at the local process.")
        return dict(event)

    def _refused(self, reply: Reply) -> BackendError:
        name = "SDPLAY_LOCAL_TOKEN" if reply.status in (401, 403) else self.wire.setting
        return refusal(reply, "The local process", name, self.wire.clean)

    def _progress(self, event: Mapping[str, Any]) -> Progress:
        if event.get("event") == "queued":
            return Progress(position=int(event["position"]), message="In the local process's queue")
        if event.get("event") != "step":
            loading = event.get("event") == "loading"
            return Progress(message=f"Loading {event.get('model', 'the model')}" if loading else "")
        step, steps = int(event["step"]), int(event["steps"])
        preview = base64.b64decode(event["preview"]) if event.get("preview") else None
        return Progress(step / max(1, steps), step, steps, event.get("seconds_left"), preview)

    def _picture(self, params: Params, body: dict[str, Any], event: Mapping[str, Any], total: float) -> Picture:
        data = picture_bytes(event.get("image"), self.wire)
        seconds = {name: float(value) for name, value in event["seconds"].items()}
        network = max(0.0, total - sum(seconds.values()))
        receipt = Receipt(params.asked(), shown(body, self.wire.clean), event["applied"], tuple(event["warnings"]))
        frames = tuple(Frame(each["step"], each["sigma"], each["seconds"], base64.b64decode(each["clean"]),
                             base64.b64decode(each["noisy"])) for each in event["frames"])  # fmt: skip
        return Picture(data, params, self.name, Timing(total, network=network, **seconds), receipt,
                       str(event["version"]), frames)  # fmt: skip


def _capabilities(told: Mapping[str, Any], address: str) -> Capabilities:
    side, native = int(told["limits"]["side"]), int(told.get("size") or 512)
    upscalers = dict.fromkeys([*told["hires_upscalers"], *told["upscalers"]])
    found = Capabilities(
        message=f"{told['model']} on {told['device']} at {address}.", version=str(told["version"]),
        features=frozenset(told["features"]), unknown=frozenset(), schedulers=tuple(told["schedulers"]),
        models=tuple(told["models"]), model=str(told["model"]), upscalers=tuple(upscalers),
        control_models=tuple(told["control_models"]), control_modules=tuple(told["control_modules"]),
        sizes=((native, native), (native * 3 // 2, native), (native, native * 3 // 2)), size_limits=(64, side),
        limits={"steps": (1, float(told["limits"]["steps"]))}, at_once=int(told["at_once"]),
        defaults={} if native == 512 else {"width": native, "height": native},
    )  # fmt: skip
    if told.get("failure") and not told.get("loaded"):
        return dataclasses.replace(found, status="down", message=str(told["failure"]))
    if not told.get("loaded"):
        return dataclasses.replace(found, status="starting", message=f"{told['model']} is being loaded at {address}.")
    return found


BACKEND = Local
