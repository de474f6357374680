"""A server's answer: its JSON, or a sentence that says why it refused and what to do."""

import email.utils
import html
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sdplay.errors import BackendBroken, BackendError, BackendRefused
from sdplay.files.untrusted import read_json
from sdplay.settings import without_secrets


@dataclass(frozen=True)
class Reply:
    """A server's answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """The headers. Capital and small letters in their names do not matter."""
    body: bytes
    label: str = "The server"
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def kind(self) -> str:
        """The content type in lower case, without its parameters."""
        return self.headers.get("Content-Type", "").split(";")[0].strip().lower()

    @property
    def is_page(self) -> bool:
        """Whether the answer is HTML, such as a login page, a proxy's error or a web interface, and
        so no API's answer."""
        return self.kind in ("text/html", "application/xhtml+xml") or self.text[
            :200
        ].lstrip().lower().startswith(("<!doctype html", "<html"))

    def json(self) -> Any:
        """The decoded JSON body; None if the body is empty."""
        if not self.body.strip():
            return None
        if self.is_page:
            raise BackendBroken(
                f"{self.label} answered with {_page(self)}. Is that the address of its API?"
            )
        try:
            return read_json(self.body)
        except ValueError as error:
            raise BackendBroken(
                f"{self.label} sent an answer that is not valid JSON ({len(self.body):,} bytes). "
                "Look at its console, then try again."
            ) from error


def refusal(
    reply: Reply, label: str, setting: str, clean: Callable[[str], str] = without_secrets
) -> BackendError:
    """The sentence for an answer that is no success: what the server said, then what to do."""
    reason = error_text(reply)
    sentence = f": {reason}" if reason else ""
    advice, kind = _ADVICE.get(
        reply.status, ("Look at its console, then try again.", BackendRefused)
    )
    if "out of memory" in reason.lower():
        advice = "Choose a smaller size, or close what else uses the card's memory."
    message = (
        f"{label} answered {reply.status}{sentence.rstrip('.')}. {advice.format(setting=setting)}"
    )
    if kind is BackendRefused:
        return BackendRefused(clean(message), retry_after(reply))
    return kind(clean(message))


_ADVICE: dict[int, tuple[str, type[BackendError]]] = {
    400: ("Check the settings, and the raw payload fields if you use them.", BackendRefused),
    401: ("It does not accept our key: check {setting}.", BackendRefused),
    402: ("The account has no credit left: add some, or choose another backend.", BackendRefused),
    403: ("The key may not do this: check {setting} and what the account allows.", BackendRefused),
    404: (
        "There is nothing at that address, or a name in the request is unknown there: check "
        "{setting}.",
        BackendRefused,
    ),
    405: ("That address does not take such requests: check {setting}.", BackendRefused),
    409: ("It is busy with another picture: wait a moment and try again.", BackendRefused),
    413: ("The request is too large for it: use a smaller start image.", BackendRefused),
    422: ("It does not take one of the settings: change that one and try again.", BackendRefused),
    429: ("It wants fewer requests: wait a moment and try again.", BackendRefused),
    502: ("Something between here and it failed: is it still running?", BackendRefused),
    503: ("It is still loading or overloaded: wait a moment and try again.", BackendRefused),
    504: (
        "It took too long for a proxy on the way: try fewer steps or a smaller size.",
        BackendRefused,
    ),
}


def error_text(reply: Reply, longest: int = 300) -> str:
    """The server's own error text, wherever its kind of API puts it."""
    if reply.is_page:
        return _page(reply)
    try:
        text = _reason(read_json(reply.body)) if reply.body.strip() else ""
    except ValueError:
        text = reply.text
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def retry_after(reply: Reply) -> float | None:
    """Seconds to wait before the next try, from the header (seconds or a date) or from the body;
    None if neither says."""
    header = reply.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", header):
        return float(header)
    if header:
        try:
            return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
        except (TypeError, ValueError, OverflowError):
            return None
    match = re.search(
        r'"estimated_time"\s*:\s*(\d+(?:\.\d+)?)|resets? in ~?(\d+(?:\.\d+)?) ?s', reply.text[:2000]
    )
    return float(match.group(1) or match.group(2)) if match else None


def _reason(answer: Any) -> str:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, list):
        return "; ".join(filter(None, map(_reason, answer)))
    if not isinstance(answer, dict):
        return ""
    if "msg" in answer:
        where = [str(part) for part in answer.get("loc") or () if part not in ("body", "input")]
        return f"{'.'.join(where)}: {answer['msg']}" if where else str(answer["msg"])
    return next(filter(None, (_reason(answer.get(key)) for key in _ERROR_KEYS)), "")


# `error` stands last: A1111 puts the name of the exception class there.
_ERROR_KEYS = ("detail", "errors", "message", "error", "title", "logs")


def _page(reply: Reply) -> str:
    title = re.search(r"<title[^>]*>(.*?)</title>", reply.text[:20000], re.IGNORECASE | re.DOTALL)
    name = " ".join(html.unescape(title.group(1)).split())[:80] if title else ""
    return f"a web page ({name!r}) instead of data" if name else "a web page instead of data"
