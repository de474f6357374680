"""What a hosted endpoint answered: its pictures, wherever they stand, or why there are none; and
what it reports."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sdplay import metadata
from sdplay.errors import BackendBroken, BackendError, BackendRefused
from sdplay.http.wire import Reply, Wire, error_text, refusal
from sdplay.params import KNOBS

PLACES = (
    "image_0",
    "output",
    "outputs",
    "images",
    "data",
    "image",
    "artifacts",
    "result",
    "results",
    "predictions",
    "completion",
    "b64_json",
    "image_b64",
    "base64",
    "b64",
    "url",
)
"""Where answers keep their pictures, the likeliest first."""
FAILED = frozenset({"failed", "error", "canceled", "cancelled", "aborted"})
_LOGGED_SEED = re.compile(r"\bseed\b\W{0,3}(?:is|to)?\W{0,3}(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """A finished answer that holds at least one picture."""

    pictures: tuple[Any, ...]
    """Bytes, base64, data URIs or addresses."""
    told: Mapping[str, Any]
    """The rest of the JSON."""
    headers: Mapping[str, str]
    seconds: float

    @property
    def working(self) -> float | None:
        """Seconds that the model itself took."""
        metrics = self.told.get("metrics")
        seconds = metrics.get("predict_time") if isinstance(metrics, dict) else None
        return (
            float(seconds) if isinstance(seconds, int | float) and 0 <= seconds < math.inf else None
        )

    def reported(self, data: bytes) -> dict[str, Any]:
        """What it says it applied, by our names: in the picture's own text, its JSON, a header or
        its logs."""
        text = metadata.read(data).text
        settings: dict[str, Any] = metadata.settings_from(text)[0] if text else {}
        settings = {
            name: value
            for name, value in settings.items()
            if name not in ("prompt", "negative", "width", "height")
        }
        logged = _LOGGED_SEED.findall(str(self.told.get("logs") or ""))
        fields = next(_dicts(self.told), {})
        seeds = (
            fields.get("seed"),
            self.told.get("seed"),
            self.headers.get("seed"),
            logged[-1] if logged else None,
        )
        seed = next(
            (int(seed) for seed in map(str, seeds) if re.fullmatch(r"\d{1,20}", seed)), None
        )
        return settings | ({} if seed is None else {"seed": seed})

    def echoed(self, places: Mapping[str, str]) -> dict[str, Any]:
        """The inputs that it says it took, by our names; they may only repeat the request."""
        inputs = self.told.get("input")
        last = {name: path.rpartition(".")[2] for name, path in places.items() if name in KNOBS}
        return (
            {name: inputs[field] for name, field in last.items() if field in inputs}
            if isinstance(inputs, dict)
            else {}
        )

    def filtered(self) -> bool:
        """Whether a content filter struck."""
        flags = self.told.get("has_nsfw_concepts") or self.told.get("nsfw_content_detected")
        reasons = [
            self.headers.get("finish-reason"),
            *(
                fields.get(name)
                for fields in (self.told, *_dicts(self.told))
                for name in ("finish_reason", "finishReason")
            ),
        ]
        return bool(
            flags is True
            or (isinstance(flags, list) and any(flags))
            or "CONTENT_FILTERED" in reasons
        )


def opened(reply: Reply, wire: Wire) -> Answer:
    """The answer, or the sentence that says what went wrong."""
    if not reply.ok:
        name = wire.key_setting if reply.status in (401, 402, 403) else wire.setting
        raise refusal(reply, wire.label, name, wire.clean)
    if not reply.is_page and reply.body.lstrip()[:1] not in _JSON_BEGINS:
        # The body is the picture itself: its bytes, or base64, which unlike them is plain text.
        return Answer(
            (reply.text if reply.body.isascii() else reply.body,), {}, reply.headers, reply.seconds
        )
    answer = reply.json()
    fields = answer if isinstance(answer, dict) else {}
    if str(fields.get("status", "")).lower() in FAILED:
        raise _failed(fields, reply, wire)
    pictures = tuple(_pictures(answer))
    if not pictures:
        raise _empty(fields, reply, wire)
    return Answer(pictures, fields, reply.headers, reply.seconds)


_JSON_BEGINS = (b"{", b"[", b'"', b"")


def _failed(fields: Mapping[str, Any], reply: Reply, wire: Wire) -> BackendError:
    if str(fields["status"]).lower() in ("canceled", "cancelled", "aborted"):
        return BackendRefused(
            f"{wire.label} cancelled the picture: somebody stopped it there, or it took too long. "
            "Press Generate to make it again."
        )
    reason = wire.clean(error_text(reply)) or "it does not say why"
    return BackendRefused(
        f"{wire.label} could not make the picture: {reason.rstrip('.')}. Change the setting it "
        "names, "
        "or look at its logs."
    )


def _empty(fields: Mapping[str, Any], reply: Reply, wire: Wire) -> BackendError:
    if fields.get("error") or fields.get("detail") or fields.get("message"):
        return _failed({"status": "failed"}, reply, wire)
    return BackendBroken(
        f"{wire.label} sent no picture: there is none in its answer ({len(reply.body):,} bytes). "
        "Check SDPLAY_PREDICT_PRESET, or look at its logs."
    )


def _pictures(answer: Any) -> Iterator[Any]:
    if isinstance(answer, str) and answer.strip():
        yield answer
    elif isinstance(answer, list):
        for entry in answer:
            yield from _pictures(entry)
    elif isinstance(answer, dict):
        for key in PLACES:
            if inner := list(_pictures(answer.get(key))):
                yield from inner
                return


def _dicts(fields: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects that stand for the single pictures."""
    for key in PLACES:
        listed = fields.get(key)
        yield from (
            entry
            for entry in (listed if isinstance(listed, list) else [listed])
            if isinstance(entry, dict)
        )
