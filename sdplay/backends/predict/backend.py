"""One hosted endpoint: Cog, Replicate, OpenAI-style images, Hugging Face inference, OctoAI-style;
presets are data."""

import math
import time
from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sdplay.backends import Backend, Capabilities, Event
from sdplay.backends.predict.answer import Answer, opened
from sdplay.backends.predict.presets import Endpoint, endpoint
from sdplay.backends.predict.probe import EndpointReport, look
from sdplay.backends.predict.receipt import receipt
from sdplay.backends.predict.request import request
from sdplay.backends.predict.run import Prediction, meanwhile
from sdplay.errors import BackendOffline, BadParams
from sdplay.http.call import Call
from sdplay.http.fence import Guest
from sdplay.http.wire import Wire, of_guest, on_this_machine, picture_bytes
from sdplay.params import Params
from sdplay.picture import Picture, Progress, Timing
from sdplay.settings import setting


class Predict(Backend):
    """The endpoint that the settings SDPLAY_PREDICT_… describe, or the one given."""

    name = "predict"
    label = "Hosted endpoint"

    def __init__(
        self,
        preset: str = "",
        url: str = "",
        key: str = "",
        fields: str = "",
        *,
        seconds: float = 3600.0,
        pause: float = 1.0,
        every: float = 0.5,
        guest: Guest | None = None,
    ) -> None:
        self.seconds, self.pause, self.every = seconds, pause, every
        self._guest = guest
        self._key = key or ("" if guest else setting("SDPLAY_PREDICT_KEY"))
        self._report: EndpointReport | None = None
        self._point: Endpoint | None = None
        self._price: float | None = None
        self._problem = ""
        """Kept for whoever asks: a list of backends must not fail because one is not set up."""
        try:
            self._point = endpoint(
                preset or setting("SDPLAY_PREDICT_PRESET"),
                url or setting("SDPLAY_PREDICT_URL"),
                fields or ("" if guest else setting("SDPLAY_PREDICT_FIELDS")),
            )
            self._price = None if guest else _dollars(setting("SDPLAY_PREDICT_PRICE"))
        except BadParams as error:
            self._point, self._problem = None, str(error)
        self.remote = self._point is not None and not on_this_machine(self._point.base)

    def probe(self) -> Capabilities:
        if not self._point:
            return Capabilities("down", self._problem)
        return replace(self._look().capabilities(), price=self._price)

    def payload(self, params: Params) -> dict[str, Any]:
        return request(params, self._last_report())

    def model_version(self, params: Params) -> str:
        """The address is a part of it: the same settings elsewhere are another picture."""
        report = self._last_report()
        return " ".join((self.wire.address, report.point.preset.name, report.version, params.model))

    def generate(self, params: Params) -> Generator[Event, None, None]:
        started = time.monotonic()
        wire = self.wire
        yield Progress(message=f"Looking for {wire.label[:1].lower()}{wire.label[1:]}")
        report = self._last_report(or_again=True)
        body = request(params, report)
        run = Prediction(
            wire, report.point, body, self.seconds, self.pause, self.every, peeks=_peeks(report)
        )
        reply = yield from run.reply()
        answer = opened(reply, wire)
        fetching = Progress(message="Fetching the picture")
        yield fetching
        fetched = Call(lambda: picture_bytes(answer.pictures[0], wire))
        try:
            data = yield from meanwhile(fetched, self.every, lambda: fetching)
        finally:
            fetched.abandon()
        record = receipt(params, report, body, answer, data, wire.clean)
        timing = _timing(time.monotonic() - started, answer, run)
        yield Picture(data, params, self.name, timing, record, model=params.model or report.model)

    def _endpoint(self) -> Endpoint:
        if self._point is None:
            raise BackendOffline(self._problem)
        return self._point

    @property
    def wire(self) -> Wire:
        point = self._endpoint()
        # A key that names its own scheme, like "Key abc", is sent as it stands.
        key = self._key if " " in self._key or not self._key else f"Bearer {self._key}"
        wire = Wire(
            point.base,
            label=point.preset.label,
            setting="SDPLAY_PREDICT_URL",
            key_setting="SDPLAY_PREDICT_KEY",
            headers={"Authorization": key} if key else {},
        )
        return of_guest(wire, self._guest)

    def _look(self) -> EndpointReport:
        self._report = look(self.wire, self._endpoint())
        return self._report

    def _last_report(self, or_again: bool = False) -> EndpointReport:
        """What the last look found; looks when there was none, or `or_again` when it was not
        ready."""
        report = self._report
        return (
            self._look()
            if report is None or (or_again and report.status not in ("ready", "busy"))
            else report
        )


def _peeks(report: EndpointReport) -> bool:
    """Cog alone lets us look in, and only where an empty request is surely refused."""
    return (
        report.point.preset.method == "PUT"
        and report.schema is not None
        and report.schema.needs_something
    )


def _timing(total: float, answer: Answer, run: Prediction) -> Timing:
    alone = not run.point.preset.follow and answer.working is not None
    network = max(0.0, answer.seconds - (answer.working or 0)) if alone else None
    return Timing(total, queued=run.waited, network=network, sampling=answer.working)


def _dollars(text: str) -> float | None:
    """SDPLAY_PREDICT_PRICE, checked."""
    if not text:
        return None
    with suppress(ValueError):
        if math.isfinite(price := float(text)) and price >= 0:
            return price
    raise BadParams(
        f"SDPLAY_PREDICT_PRICE must be a number of US dollars, not {text!r}. Set it like this: "
        "0.0023"
    )
