"""Talks to the local process (`python -m sdplay serve`) through our own stream of events."""

import base64
import dataclasses
import hashlib
import io
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from typing import Any
from uuid import uuid4

from PIL import Image

from sdplay.backends import ASKER, Backend, Capabilities, Event
from sdplay.backends.guide_preview import preprocessed
from sdplay.backends.local.older import left_out, understood
from sdplay.backends.local.process import OURS, LocalProcess
from sdplay.backends.shown import shown
from sdplay.errors import (
    BackendBroken,
    BackendError,
    BackendLost,
    BackendOffline,
    BackendRefused,
    Cancelled,
)
from sdplay.files.untrusted import read_json
from sdplay.http.call import Call
from sdplay.http.fence import Guest
from sdplay.http.wire import Reply, Wire, of_guest, on_this_machine, picture_bytes, refusal
from sdplay.params import KNOBS, Params
from sdplay.picture import CutOut, Enlargement, Frame, Picture, Progress, Receipt, Timing, png_bytes
from sdplay.prompting import NEGATIVES
from sdplay.settings import setting

START = "python -m sdplay serve --model <folder or .safetensors file>"
SILENT_SECONDS = 60.0
"""The process sends a line every second; without any for so long it is stuck."""
PROBE_SECONDS = 3.0
PATIENCE_SECONDS = 60.0
"""Jobs wait so long for a process that was there and is gone: somebody may be starting it anew."""


class Local(Backend):
    """The process at SDPLAY_LOCAL_URL, or at the address given."""

    name = "local"
    label = "Local process (diffusers)"

    def __init__(
        self,
        url: str = "",
        token: str = "",
        *,
        silence: float = SILENT_SECONDS,
        patience: float = PATIENCE_SECONDS,
        process: LocalProcess = OURS,
        guest: Guest | None = None,
    ) -> None:
        self._base, self._token = url or setting("SDPLAY_LOCAL_URL"), token
        self._guest = guest
        self.silence, self.patience, self.process = silence, patience, process
        self._about: Mapping[str, Any] = {}
        self.remote = not on_this_machine(self._base)

    @property
    def wire(self) -> Wire:
        """The connection, made anew for every use because a process that starts while a job waits
        has a new token."""
        wire = of_guest(
            Wire(
                self._base,
                label="The local process",
                setting="SDPLAY_LOCAL_URL",
                key_setting="SDPLAY_LOCAL_TOKEN",
            ),
            self._guest,
        )
        if self._guest:  # no visitor's server gets the owner's token
            return _with_token(wire, self._token)
        ours = self.process.token if self.process.child(wire.address) else ""
        return _with_token(wire, self._token or setting("SDPLAY_LOCAL_TOKEN") or ours)

    def probe(self) -> Capabilities:
        child = self.process.child(self.wire.address)
        try:
            reply = self.wire.get("sdplay/v1/about", seconds=PROBE_SECONDS)
            about = reply.json() if reply.ok else None
        except BackendOffline:
            return self._absent()
        except BackendError as error:
            slow = Capabilities(
                "busy",
                f"The local process has not answered within {PROBE_SECONDS:g} s: it is busy.",
            )
            return self._again(slow) if child else Capabilities("down", str(error))
        if reply.status in (401, 403):
            return Capabilities(
                "unauthorised",
                f"The local process at {self.wire.address} does not take our token. "
                f"Check {self.wire.key_setting}.",
            )
        if not isinstance(about, dict) or "schedulers" not in about:
            return Capabilities(
                "down",
                f"Something else answers at {self.wire.address}. Check {self.wire.setting}, or "
                f"start a local process: {START}",
            )
        self._about = about
        capabilities = _capabilities(about, self.wire.address)
        if capabilities.status == "ready":
            self.process.seen(self.wire.address, child)
            self.process.capabilities = capabilities
        return self._again(capabilities) if capabilities.status == "starting" else capabilities

    def model_version(self, params: Params) -> str:
        """Asks the process each time, because somebody may have chosen another model or trained a
        LoRA again.

        An unknown version equals no other, so that no picture of another model is taken for this
        one."""
        try:
            about = self._ask_about()
            versions = about["versions"] if isinstance(about, dict) else {}
            name = params.model.split(" [")[0] or about["model"]
            marks = _marks(params, about)
        except (BackendError, KeyError, TypeError):
            return f"{params.model} unknown {uuid4().hex}"
        return " ".join([str(versions.get(name, params.model)), *marks])

    def _ask_about(self) -> Any:
        """What the process says about itself now."""
        about = self.wire.get("sdplay/v1/about", seconds=PROBE_SECONDS).json()
        self._about = about if isinstance(about, dict) else {}
        return about

    def _known(self) -> Mapping[str, Any]:
        """What the process said last.  It is asked once if it was not yet, and counts as one of
        this version if it does not answer."""
        if not self._about:
            try:
                self._ask_about()
            except BackendError:
                return {"knobs": list(KNOBS)}
        return self._about

    def payload(self, params: Params) -> dict[str, Any]:
        settings = {name: value for name, value in params.as_dict().items() if name != "extra"}
        settings = understood(settings, params, self._known())
        images = {name: base64.b64encode(data).decode() for name, data in params.images().items()}
        return {"params": {**settings, **params.extra_fields()}, "images": images}

    def generate(self, params: Params) -> Iterator[Event]:
        """Make a picture.  If the process went away before it began, the job is sent once more to
        the next process."""
        yield Progress(message="Looking for the local process")
        for again in (True, False):
            address, begun = self.wire.address, False
            child = self.process.child(address)
            try:
                with closing(self._asked(params)) as events:
                    for event in events:
                        begun = begun or isinstance(event, Picture) or bool(event.step)
                        if begun:
                            self.process.seen(address, child)
                        yield event
                return
            except (BackendOffline, BackendLost) as error:
                if begun or not again:
                    raise self._gone(error, child) from error
            yield from self._awaited()

    def _asked(self, params: Params) -> Generator[Event, None, None]:
        """Send one request and yield its events."""
        started, body, id = time.monotonic(), self.payload(params), uuid4().hex
        wishes = {
            "id": id,
            **_asker(),
            "previews": self.previews,
            "urgent": self.previews,
            "frames": self.keep_frames,
        }
        asks = self._known().get("asks")
        if isinstance(asks, list):
            wishes = {name: value for name, value in wishes.items() if name in asks}
        lines = self.wire.lines("sdplay/v1/pictures", {**body, **wishes}, silence=self.silence)
        try:
            for line in lines:
                event = self._event(line)
                if event.get("event") == "done":
                    break
                yield self._progress(event)
            else:
                raise BackendLost(
                    "The local process closed the connection in the middle of the picture."
                )
        except GeneratorExit:
            # Hanging up stops it too, but only when the next line is due.
            Call(lambda: self.wire.post(f"sdplay/v1/pictures/{id}/cancel", {}, seconds=5)).wait(1.0)
            raise
        finally:
            lines.close()
        # Outside: closing the iterator now stops nothing that still runs.
        yield self._picture(params, body, event, time.monotonic() - started)

    def _awaited(self) -> Iterator[Progress]:
        """Wait until the process answers: ours for as long as it starts, another one for a while
        after it was last there."""
        while True:
            wire = self.wire
            try:
                wire.get("health", seconds=PROBE_SECONDS)
                return
            except BackendBroken:
                return  # something is there: the request itself will tell what
            except BackendOffline as error:
                left = self.process.last_seen(wire.address) + self.patience - time.monotonic()
                if left <= 0 and not self.process.hopeful(wire.address):
                    raise BackendOffline(self._absent().message) from error
            yield Progress(message="Waiting for the local process to come back")
            time.sleep(0.3)

    def _gone(self, error: BackendError, child: int) -> BackendError:
        """What to say when the process went away with a picture in the making."""
        fate = self.process.fate(child) if child else ""
        if fate:
            verb = "Make" if self.process.child(self.wire.address) else "Start it, then make"
            return BackendLost(f"{fate} {verb} the picture again.")
        if isinstance(error, BackendOffline):
            return error
        return BackendLost(
            "The local process broke off in the middle of the picture. It may have crashed: "
            "look at its "
            f"console, then start it again: {START}"
        )

    def _absent(self) -> Capabilities:
        """What is known, and what to do, when no process answers."""
        process, address = self.process, self.wire.address
        if process.child(address):
            return self._again(
                Capabilities("starting", process.sentence or "The local process is starting.")
            )
        if process.sentence and process.address == address:
            return Capabilities("down", f"{process.sentence} Start it again.")
        return Capabilities(
            "down",
            f"No local process answers at {address}. Start one: {START}. Check "
            f"{self.wire.setting}.",
        )

    def _again(self, current: Capabilities) -> Capabilities:
        """While the process is busy or starts again, it counts as able to do what it could before,
        so that the form stays as it is."""
        ours = self.process.child(self.wire.address) and self.process.capabilities
        return (
            dataclasses.replace(ours, status=current.status, message=current.message)
            if ours
            else current
        )

    def graphics_memory(self) -> tuple[int, int] | None:
        """Used and whole memory of its graphics card in bytes; None when it has none or does not
        tell."""
        try:
            system = self.wire.get("sdapi/v1/memory", seconds=PROBE_SECONDS).json()["cuda"][
                "system"
            ]
            return int(system["used"]), int(system["total"])
        except (BackendError, KeyError, TypeError):
            return None

    def enlarge(self, image: Image.Image, how: Enlargement) -> Iterator[Progress | Image.Image]:
        """Tile by tile, where the process tells of them; one of an older version does not."""
        if how.faces or "enlarge" not in self._known().get("streams", ()):
            yield from super().enlarge(image, how)
            return
        body = {
            "image": base64.b64encode(png_bytes(image)).decode(),
            "upscaler": how.upscaler,
            "factor": how.factor,
        }
        lines = self.wire.lines("sdplay/v1/enlarge", body, silence=self.silence)
        with closing(lines):
            for line in lines:
                event = self._event(line)
                if event.get("event") == "done":
                    yield self._opened(event.get("image"))
                    return
                share = event.get("share")
                message = "" if share else "The local process gets ready"
                yield Progress(share, message=message)
        raise BackendLost("The local process closed the connection before the picture was large.")

    def upscale(self, image: Image.Image, factor: float, upscaler: str) -> Image.Image:
        body = {
            "image": base64.b64encode(png_bytes(image)).decode(),
            "upscaler_1": upscaler,
            "upscaling_resize": factor,
        }
        return self._opened(self._posted("sdapi/v1/extra-single-image", body).get("image"))

    def preprocessed(self, picture: bytes, module: str) -> Image.Image:
        return preprocessed(self.wire, self._read, picture, module)

    def cut_out(self, image: Image.Image) -> list[CutOut]:
        answer = self._posted(
            "sdplay/v1/cutouts", {"image": base64.b64encode(png_bytes(image)).decode()}
        )
        return [
            CutOut(self._opened(cut["image"]), tuple(cut["box"]), cut["score"], cut["model"])
            for cut in answer["cutouts"]
        ]

    def _posted(self, path: str, body: dict[str, Any]) -> Any:
        return self._read(self.wire.post(path, body))

    def _read(self, reply: Reply) -> Any:
        if not reply.ok:
            raise self._refused(reply)
        return reply.json()

    def _opened(self, value: Any) -> Image.Image:
        with Image.open(io.BytesIO(picture_bytes(value, self.wire))) as opened:
            opened.load()
            return opened.copy()

    def _event(self, line: bytes | Reply) -> dict[str, Any]:
        if isinstance(line, Reply):
            raise self._refused(line)
        try:
            event = read_json(line)
        except ValueError as error:
            raise BackendBroken(
                f"What answers at {self.wire.address} is no local process. "
                f"Check {self.wire.setting}."
            ) from error
        if event.get("event") == "failed":
            raise BackendRefused(
                self.wire.clean(str(event.get("error", "The picture could not be made.")))
            )
        if event.get("event") == "cancelled":
            raise Cancelled("The picture was stopped at the local process.")
        return dict(event)

    def _refused(self, reply: Reply) -> BackendError:
        name = self.wire.key_setting if reply.status in (401, 403) else self.wire.setting
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

    def _picture(
        self, params: Params, body: dict[str, Any], event: Mapping[str, Any], total: float
    ) -> Picture:
        data = picture_bytes(event.get("image"), self.wire)
        seconds = {name: float(value) for name, value in event["seconds"].items()}
        # A process of an earlier version does not tell the whole.
        network = max(0.0, total - seconds.pop("whole", sum(seconds.values())))
        receipt = Receipt(
            params.asked(),
            shown(body, self.wire.clean),
            event["applied"],
            (*event["warnings"], *left_out(params, self._known())),
        )
        frames = tuple(
            Frame(
                each["step"],
                each["sigma"],
                each["seconds"],
                base64.b64decode(each["clean"]),
                base64.b64decode(each["noisy"]),
            )
            for each in event["frames"]
        )
        return Picture(
            data,
            params,
            self.name,
            Timing(total, network=network, **seconds),
            receipt,
            str(event["version"]),
            frames,
        )


def _with_token(wire: Wire, token: str) -> Wire:
    return dataclasses.replace(wire, headers={"Authorization": f"Bearer {token}"} if token else {})


def _asker() -> dict[str, str]:
    """The owner's name, hashed: owners can be told apart, but nobody can use the name, which would
    open their library."""
    asker = ASKER.get()
    owner = hashlib.sha256(asker.owner.encode()).hexdigest()[:16] if asker.owner else ""
    return {"owner": owner, "group": asker.group}


def _marks(params: Params, about: Mapping[str, Any]) -> list[str]:
    """The marks of the files that the prompts name, and of the refiner.  One too many only makes a
    picture anew."""
    words = f"{params.prompt} {params.negative}".lower()
    refiner = (
        [str(about["versions"].get(params.refiner.split(" [")[0], ""))] if params.refiner else []
    )
    return [
        *refiner,
        *(str(mark) for name, mark in about.get("addons", {}).items() if name.lower() in words),
    ]


def _capabilities(about: Mapping[str, Any], address: str) -> Capabilities:
    side, native = int(about["limits"]["side"]), int(about.get("size") or 512)
    upscalers = dict.fromkeys([*about["hires_upscalers"], *about["upscalers"]])
    words = {
        "LoRA": tuple(about.get("loras", ())),
        "Embeddings": tuple(about.get("embeddings", ())),
    }
    capabilities = Capabilities(
        message=f"{about['model']} on {about['device']} at {address}.",
        version=str(about["version"]),
        features=frozenset(about["features"]),
        unknown=frozenset(),
        schedulers=tuple(about["schedulers"]),
        models=tuple(about["models"]),
        model=str(about["model"]),
        upscalers=tuple(upscalers),
        control_models=tuple(about["control_models"]),
        control_modules=tuple(about["control_modules"]),
        sizes=((native, native), (native * 3 // 2, native), (native, native * 3 // 2)),
        size_limits=(64, side),
        limits={"steps": (1, float(about["limits"]["steps"]))},
        at_once=int(about["at_once"]),
        defaults=dict.fromkeys(("width", "height"), native) if about.get("size") else {},
        negatives=NEGATIVES,
        chips={group: names for group, names in words.items() if names},
    )
    if about.get("failure") and not about.get("loaded"):
        return dataclasses.replace(capabilities, status="down", message=str(about["failure"]))
    if not about.get("loaded"):
        return dataclasses.replace(
            capabilities,
            status="starting",
            message=f"{about['model']} is being loaded at {address}.",
        )
    return capabilities
