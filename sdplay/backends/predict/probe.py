"""What a hosted endpoint tells about itself, and what follows for the form and for a request."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sdplay.backends import Capabilities, Status
from sdplay.backends.predict.presets import Endpoint, at_version, places
from sdplay.backends.predict.schema import Schema, read
from sdplay.errors import BackendBroken, BackendError
from sdplay.http.wire import Reply, Wire, refusal
from sdplay.params import KNOBS
from sdplay.prompting import NEGATIVES

LOOK_SECONDS = 4.0


@dataclass(frozen=True)
class EndpointReport:
    """An endpoint as it was found."""

    point: Endpoint
    status: Status = "ready"
    message: str = ""
    schema: Schema | None = None
    models: tuple[str, ...] | None = None
    version: str = ""
    """Names the weights, where the endpoint tells."""

    @property
    def model(self) -> str:
        """What makes the picture when nobody chose."""
        return self.version or (self.models[0] if self.models and len(self.models) == 1 else "")

    @cached_property
    def places(self) -> dict[str, str]:
        """Where each of our settings goes in the request."""
        return places(self.point, self.schema.fields if self.schema else None)

    @property
    def schedulers(self) -> Mapping[str, str]:
        """Our scheduler id → the name it has there."""
        return (self.schema.schedulers if self.schema else {}) or self.point.preset.schedulers

    def capabilities(self) -> Capabilities:
        """For the page."""
        kinds = frozenset(
            {KNOBS[name].needs or name if name in KNOBS else name for name in self.places}
            - {"prompt"}
        )
        sure = self.point.preset.sure or self.schema is not None
        cancel = {"cancel", "progress"} if self.point.preset.cancel else set()
        return Capabilities(
            self.status,
            self.message,
            features=frozenset({"payload"} | cancel | (kinds if sure else set())),
            unknown=frozenset() if sure else kinds,
            schedulers=tuple(self.schedulers) if "scheduler" in self.places else None,
            models=self.models,
            model=self.model,
            defaults=self._defaults(),
            negatives=("", *NEGATIVES),
            at_once=self.point.preset.at_once,
            limits=self.limits,
            **({"inputs": self.schema.own(), **self.schema.shapes()} if self.schema else {}),
        )

    @property
    def limits(self) -> dict[str, tuple[float, float]]:
        """The model's ranges, by our settings."""
        return self.schema.limits() if self.schema else {}

    def _defaults(self) -> dict[str, Any]:
        """The model's own, else ours moved into its ranges."""
        values = {
            name: KNOBS[name].kind(min(max(KNOBS[name].default, low), high))
            for name, (low, high) in self.limits.items()
            if name != "seed" and KNOBS[name].kind is not str
        }
        values |= self.schema.defaults() if self.schema else {}
        if "scheduler" in self.places and values.get("scheduler") not in self.schedulers:
            values |= {
                "scheduler": "dpmpp_2m"
                if "dpmpp_2m" in self.schedulers
                else next(iter(self.schedulers))
            }
        return values


def look(wire: Wire, point: Endpoint) -> EndpointReport:
    """Ask the endpoint what it is.  Never raises."""
    name = f"{point.preset.label} at {wire.address}"
    try:
        reply = wire.get(point.look, seconds=LOOK_SECONDS)
    except BackendError as error:
        return EndpointReport(point, "down", str(error))
    if reply.status in (401, 403):
        return EndpointReport(
            point, "unauthorised", str(refusal(reply, name, wire.key_setting, wire.clean))
        )
    if reply.status >= 500:
        state: Status = "starting" if reply.status == 503 else "down"
        return EndpointReport(point, state, str(refusal(reply, name, wire.setting, wire.clean)))
    finders = {"cog": _cog, "replicate": _replicate, "openai-images": _openai}
    return finders.get(point.preset.name, _unnamed)(wire, point, reply)


def _unnamed(wire: Wire, point: Endpoint, reply: Reply) -> EndpointReport:
    return EndpointReport(
        point, message=f"{point.preset.label} at {wire.address} ({point.preset.name})."
    )


_HEALTH: dict[str, tuple[Status, str]] = {
    "READY": ("ready", "is ready."),
    "BUSY": ("busy", "is making a picture now; yours waits its turn."),
    "STARTING": ("starting", "is still loading its model. Wait a moment."),
    "SETUP_FAILED": ("down", "could not load its model. Look at its console."),
    "DEFUNCT": ("down", "has stopped working. Restart it."),
    "UNHEALTHY": ("down", "says that it is not well. Look at its console."),
}


def _cog(wire: Wire, point: Endpoint, reply: Reply) -> EndpointReport:
    status, sentence = _HEALTH.get(str(_fields(reply).get("status")), ("down", ""))
    if not sentence:
        return EndpointReport(
            point,
            "down",
            f"Something answers at {wire.address}, but it is no Cog server. "
            f"Check {wire.setting} and {'its kind' if wire.guest else 'SDPLAY_PREDICT_PRESET'}.",
        )
    try:
        schema = read(_fields(wire.get("openapi.json", seconds=LOOK_SECONDS)))
    except BackendError:
        schema = None
    blind = "" if schema else " It does not tell its inputs, so the usual ones are offered."
    return EndpointReport(
        point, status, f"{point.preset.label} at {wire.address} {sentence}{blind}", schema
    )


def _replicate(wire: Wire, point: Endpoint, reply: Reply) -> EndpointReport:
    if not reply.ok:
        return EndpointReport(
            point, "down", str(refusal(reply, "Replicate", wire.setting, wire.clean))
        )
    fields = _fields(reply)
    latest = fields["latest_version"] if isinstance(fields.get("latest_version"), dict) else fields
    model, version = str(point.constants.get("version", point.look)), latest.get("id")
    if (
        ":" not in model
        and isinstance(version, str)
        and "version" in point.constants
        and not fields.get("is_official")
    ):
        # Only official models run without naming a version; and a named one says which weights made
        # the picture.
        point = at_version(point, f"{model}:{version}")
    about = str(fields.get("description") or "").split("\n")[0][:160]
    return EndpointReport(
        point,
        message=f"{model.partition(':')[0]} at Replicate. {about}".strip(),
        schema=read(latest.get("openapi_schema")),
        version=str(point.constants.get("version", model)),
    )


def _openai(wire: Wire, point: Endpoint, reply: Reply) -> EndpointReport:
    listed = _fields(reply).get("data") if reply.ok else None
    models = (
        tuple(str(entry["id"]) for entry in listed if isinstance(entry, dict) and entry.get("id"))
        if isinstance(listed, list)
        else None
    )
    return replace(_unnamed(wire, point, reply), models=models)


def _fields(reply: Reply) -> dict[str, Any]:
    """The answer's object; nothing when it is something else."""
    try:
        answer = reply.json() if reply.ok else {}
    except BackendBroken:
        return {}
    return answer if isinstance(answer, dict) else {}
