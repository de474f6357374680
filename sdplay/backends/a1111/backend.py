"""Any server that speaks A1111's API: AUTOMATIC1111, Forge, SD.Next, stable-diffusion.cpp, Draw
Things, KoboldCpp."""

import dataclasses
import io
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any, cast

from PIL import Image

from sdplay.backends import Backend, Capabilities, Event
from sdplay.backends.a1111 import extras
from sdplay.backends.a1111.dialects import ignored, request, route
from sdplay.backends.a1111.options import as_words, changed
from sdplay.backends.a1111.probe import Server, look
from sdplay.backends.a1111.progress import IDLE_SECONDS, Watch, marked, number
from sdplay.backends.a1111.receipt import (
    applied,
    differences,
    info_of,
    position,
    reported,
    sent_pair,
    size_difference,
    unconfirmed,
)
from sdplay.backends.a1111.refusals import advice_for, passed_over, refused_before
from sdplay.backends.a1111.standing import Standing, swapped, version_of
from sdplay.backends.guide_preview import preprocessed
from sdplay.backends.shown import shown
from sdplay.errors import BackendBroken, BackendError, BackendRefused, BadParams
from sdplay.http.call import Call
from sdplay.http.fence import Guest
from sdplay.http.wire import (
    Reply,
    Wire,
    error_text,
    kind_of,
    of_guest,
    on_this_machine,
    picture_bytes,
    refusal,
)
from sdplay.params import Params
from sdplay.picture import Enlargement, Picture, Progress, Receipt, Timing
from sdplay.settings import setting


class A1111(Backend):
    """One server at SDPLAY_A1111_URL, or at the address given."""

    name = "a1111"
    label = "Automatic1111, Forge and the like"

    def __init__(
        self,
        url: str = "",
        auth: str = "",
        *,
        patience: float = 3600.0,
        idle: float = IDLE_SECONDS,
        guest: Guest | None = None,
    ) -> None:
        base = re.sub(r"/(sdapi(/v1)?|docs)?/?$", "", url or setting("SDPLAY_A1111_URL"))
        ours = "" if guest else setting("SDPLAY_A1111_AUTH")  # no visitor's server gets that
        user, colon, password = (auth or ours).partition(":")
        self.patience, self.idle = patience, idle
        wire = Wire(
            base,
            label="The A1111 server",
            setting="SDPLAY_A1111_URL",
            key_setting="SDPLAY_A1111_AUTH",
            auth=(user, password) if colon else None,
        )
        self.wire = of_guest(wire, guest)
        self.remote = not on_this_machine(base)
        self._client = secrets.token_hex(4)
        self._server: Server | None = None

    def probe(self) -> Capabilities:
        return self._look().capabilities()

    def payload(self, params: Params) -> dict[str, Any]:
        server = self._last_report()
        body = request(params, server.dialect, server.names)
        if server.tasks:
            # The same settings make the same name, so that what is shown is what goes out; and no
            # other client of the server has it.
            return {"force_task_id": f"task(sdplay-{self._client}-{params.key()[:12]})", **body}
        return body

    def model_version(self, params: Params) -> str:
        """Asked anew each time: somebody may have changed the model, or an option that changes
        pixels, in the server's own page."""
        server = self._last_report(or_again=True)
        options = self._options_now(server)
        loaded = options.get("sd_model_checkpoint")
        server = dataclasses.replace(
            server, model=loaded if isinstance(loaded, str) else server.model
        )
        words = as_words(changed(options, self.payload(params.loaded())))
        return " · ".join(filter(None, (server.weights(params.model), words)))

    def generate(self, params: Params) -> Iterator[Event]:
        started = time.monotonic()
        yield Progress(message="Looking for the server")
        server = self._last_report(or_again=True)
        body = self.payload(params)
        if list(refused_before(params, server, body)):
            server = self._look()  # somebody may have added it since
            body = self.payload(params)
        for sentence in refused_before(params, server, body):
            raise BadParams(sentence)
        body = marked(server, body)
        wire = dataclasses.replace(self.wire, label=server.dialect.label)
        before = self._options_now(server)
        watch = Watch(wire, server, body, self.idle)
        call = Call(lambda: wire.post(route(body), body, seconds=self.patience))
        try:
            yield from watch.until(call)
            reply = call.result()
        except GeneratorExit:
            watch.stop(call)
            raise
        answer = self._answer(reply)
        cut = watch.interrupted(str(info_of(answer).get("job_timestamp") or ""))
        standing = Standing(before, watch.options, self._options_now(server))
        spent = _Spent(started, cut, watch.queued, standing)
        yield self._pictures(params, server, body, reply, spent)

    def upscale(self, image: Image.Image, factor: float, upscaler: str) -> Image.Image:
        *_, large = self.enlarge(image, Enlargement(upscaler, factor))
        return cast(Image.Image, large)

    def enlarge(self, image: Image.Image, how: Enlargement) -> Iterator[Progress | Image.Image]:
        server = self._last_report(or_again=True)
        body = extras.request(image, how, server)
        call = Call(lambda: self.wire.post(extras.ROUTE, body, seconds=self.patience))
        try:
            yield from extras.until(call, server)
            reply = call.result()
        except GeneratorExit:
            extras.stop(call, self.wire, server)
            raise
        yield self._large(reply)

    def _large(self, reply: Reply) -> Image.Image:
        data = picture_bytes(self._answer(reply).get("image"), self.wire)
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
            return opened.copy()

    def preprocessed(self, picture: bytes, module: str) -> Image.Image:
        return preprocessed(self.wire, self._answer, picture, module)

    def _look(self) -> Server:
        self._server = look(self.wire)
        return self._server

    def _last_report(self, or_again: bool = False) -> Server:
        """What the last look found; looks when there was none, or `or_again` when it found
        nothing."""
        server = self._server
        if server is None or (or_again and server.status != "ready" and not server.progress):
            return self._look()
        return server

    def _options_now(self, server: Server) -> dict[str, Any]:
        """The server's own options, where it tells them."""
        if server.status not in ("ready", "busy") or not server.has_options:
            return {}
        try:
            options = self.wire.get("sdapi/v1/options", seconds=2).json()
        except BackendError:
            return {}
        return options if isinstance(options, dict) else {}

    def _pictures(
        self, params: Params, server: Server, body: dict[str, Any], reply: Reply, spent: "_Spent"
    ) -> Picture:
        """The picture asked for; what came with it stands in its `others`."""
        answer = self._answer(reply)
        seeds = _seeds(answer)
        total = (time.monotonic() - spent.started) / max(1, len(seeds))
        timing = Timing(total, queued=spent.queued, network=_network(reply))
        picture = self._picture(params, server, body, _Part(answer, 0), spent)
        others = tuple(
            self._picture(_one_of(params, seed), server, body, _Part(answer, at), spent)
            for at, seed in list(enumerate(seeds))[1:]
        )
        alone = tuple(dataclasses.replace(part, timing=Timing(total)) for part in others)
        return dataclasses.replace(picture, timing=timing, others=alone)

    def _picture(
        self,
        params: Params,
        server: Server,
        body: dict[str, Any],
        part: "_Part",
        spent: "_Spent",
    ) -> Picture:
        wire = dataclasses.replace(self.wire, label=server.dialect.label)
        data = picture_bytes(part.picture(server.dialect.label), wire)
        fields = reported(part.info, data)
        receipt = self._receipt(params, server, body, fields, data)
        extra = [
            *_count_warnings(part, body),
            *swapped(params.model, server, fields, spent.standing, body),
            *(["It was interrupted at the server, so it is not finished."] if spent.cut else []),
        ]
        options = spent.standing.acted(body)
        own = {"server_options": as_words(options)} if options else {}
        receipt = dataclasses.replace(
            receipt,
            applied={**receipt.applied, **own},
            warnings=(*receipt.warnings, *extra),
        )
        model = str(fields.get("model") or server.model)
        return Picture(
            data,
            params,
            self.name,
            Timing(0.0),
            receipt,
            model,
            partial=spent.cut,
            version=version_of(params.model, server, fields, spent.standing, body),
        )

    def _receipt(
        self,
        params: Params,
        server: Server,
        body: Mapping[str, Any],
        fields: Mapping[str, Any],
        data: bytes,
    ) -> Receipt:
        with Image.open(io.BytesIO(data)) as opened:
            size = opened.size
        sent = sent_pair(params, server.names, body)
        done = applied(fields, params, sent, size)
        warnings = [
            *passed_over(params, server, body),
            *ignored(params, server.dialect, server.names),
            *differences(params, server.dialect, sent, fields, done),
            *size_difference(params, size),
            *unconfirmed(params, fields, server.dialect),
        ]
        model = {"model": str(fields["model"])} if fields.get("model") else {}
        return Receipt(
            params.asked(),
            shown(body, self.wire.clean),
            {**done, **model},
            tuple(map(self.wire.clean, warnings)),
        )

    def _answer(self, reply: Reply) -> dict[str, Any]:
        if not reply.ok:
            raise self._refused(reply)
        answer = reply.json()
        if not isinstance(answer, dict):
            raise BackendBroken(
                f"{reply.label} answered with {kind_of(answer)} instead of a picture. Is "
                f"{self.wire.address} its API? Check {self.wire.setting}."
            )
        return answer

    def _refused(self, reply: Reply) -> BackendError:
        reason = error_text(reply)
        if reply.status == 404 and reason in ("", "Not Found"):
            return BackendRefused(
                f"{reply.label} at {self.wire.address} has no such API. Start A1111 or Forge with "
                f"--api, or check {self.wire.setting}."
            )
        if reply.status in (404, 500) and (advice := advice_for(reason)):
            return BackendRefused(self.wire.clean(f"{reply.label} refused: {reason}. {advice}"))
        name = self.wire.key_setting if reply.status in (401, 403) else self.wire.setting
        return refusal(reply, reply.label, name, self.wire.clean)


@dataclasses.dataclass(frozen=True)
class _Spent:
    """How the wait went."""

    started: float
    cut: bool
    queued: float | None
    standing: Standing


@dataclasses.dataclass(frozen=True)
class _Part:
    """One of the pictures in an answer."""

    answer: Mapping[str, Any]
    number: int

    @property
    def info(self) -> dict[str, Any]:
        """What the server tells, turned so that this picture stands first."""
        info = info_of(self.answer)
        if not self.number:
            return info
        at = position(info) + self.number
        return info | {"index_of_first_image": at, "all_seeds": _seeds(self.answer)[self.number :]}

    def picture(self, label: str) -> Any:
        """Its bytes as the server encoded them."""
        images = self.answer.get("images")
        at = position(self.info)
        if isinstance(images, str):
            return images
        if not isinstance(images, list):
            raise BackendBroken(
                f"{label} sent no list of pictures. Is it an A1111-compatible API? Check its "
                "version."
            )
        if not images:
            raise BackendBroken(
                f"{label} made no picture: its list of images is empty. Look at its console for "
                "the reason, then try again."
            )
        return images[at if at < len(images) else 0]


def _seeds(answer: Mapping[str, Any]) -> list[Any]:
    """The seeds of the pictures that are there: guide pictures behind them have none."""
    seeds, images = info_of(answer).get("all_seeds"), answer.get("images")
    if not isinstance(seeds, list) or not isinstance(images, list):
        return []
    return seeds[: len(images) - position(info_of(answer))]


def _one_of(params: Params, seed: Any) -> Params:
    """The settings of one picture of several."""
    alone = {name: value for name, value in params.extra_fields().items() if name not in _MANY}
    return params.with_(seed=seed, extra=json.dumps(alone) if alone else "")


_MANY = ("batch_size", "n_iter", "seed")


def _count_warnings(part: _Part, body: Mapping[str, Any]) -> Iterator[str]:
    many = len(_seeds(part.answer))
    expected = int((number(body.get("batch_size")) or 1) * (number(body.get("n_iter")) or 1))
    if 0 < many < expected and not body.get("script_name"):
        yield f"The server sent {many} of {expected} pictures: somebody stopped it, or it failed."
    if many > 1:
        yield f"The server made {many} pictures at once; this is number {part.number + 1}."


def _network(reply: Reply) -> float | None:
    """The time of our request outside the server, where it tells how long it took."""
    seconds = number(reply.headers.get("X-Process-Time"))
    return max(0.0, reply.seconds - seconds) if seconds is not None else None
