"""What a visitor says of a server: kind, address and key, none of which is ever written down."""

import hashlib
from dataclasses import dataclass, field

from sdplay.backends import GUEST_PREFIX, Backend
from sdplay.backends.a1111 import A1111
from sdplay.backends.local import Local
from sdplay.backends.local.process import LocalProcess
from sdplay.backends.predict import Predict
from sdplay.errors import BackendOffline, BadParams
from sdplay.http.address import split
from sdplay.http.fence import Guest, anywhere, public
from sdplay.settings import setting

_YOUR = "Your "
LONGEST = 2000
"""Letters of an address or a key."""
LETTERS = 4
"""Of a server's name that tell it from others of its kind."""


@dataclass(frozen=True)
class GuestKind:
    """One kind of server that can be connected."""

    label: str
    example: str
    """An address as it looks."""
    key: str = "The API key, if it asks for one."
    """What its key is."""


KINDS: dict[str, GuestKind] = {
    "a1111": GuestKind(
        "A1111 server", "http://127.0.0.1:7860", "user:password, if it was started with --api-auth."
    ),
    "local": GuestKind("local process", "http://127.0.0.1:7861", "Its token, if it asks for one."),
    "cog": GuestKind("Cog server", "http://127.0.0.1:5000"),
    "openai-images": GuestKind("image API", "https://api.example.com/v1"),
    "replicate": GuestKind("Replicate model", "stability-ai/sdxl", "Your Replicate token."),
    "hf-inference": GuestKind(
        "Hugging Face model",
        "stabilityai/stable-diffusion-xl-base-1.0",
        "Your Hugging Face token.",
    ),
    "octoai": GuestKind("OctoAI-style endpoint", "https://example.com/predict"),
}
"""By the name that the settings have for it."""


@dataclass(frozen=True)
class Connection:
    """A server of one visitor."""

    kind: str
    url: str = field(repr=False)
    key: str = field(default="", repr=False)
    nearby: bool = False
    """The visitor sits at the machine that serves the page, and may name what stands beside it."""

    def __post_init__(self) -> None:
        if not self.url.strip():
            raise BadParams("Give the server's address, like http://127.0.0.1:7860")
        if max(len(self.url), len(self.key)) > LONGEST:
            raise BadParams(f"Address and key may have at most {LONGEST} letters each.")

    @property
    def guest(self) -> Guest:
        """The rules for it."""
        free = self.nearby or setting("SDPLAY_ALLOW_PRIVATE_URLS") == "1"
        return Guest(anywhere if free else public)

    @property
    def host(self) -> str:
        """Where it is, for the eyes of its visitor: without password, path and query."""
        return split(self.url).netloc.rpartition("@")[2]

    def name(self, owner: str) -> str:
        """The same for the same server in the same browser, so that its pictures are found again;
        it tells nobody the address."""
        identity = f"{owner} {self.kind} {self.url.strip().rstrip('/')}"
        return f"{GUEST_PREFIX}{self.kind}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"

    def backend(self, owner: str) -> Backend:
        """What speaks to it."""
        backend = self.speaker()
        backend.name = self.name(owner)
        backend.label = f"{_YOUR}{KINDS[self.kind].label} · {backend.name[-LETTERS:]}"
        try:
            backend.secrets = tuple(backend.wire.secrets())
        except BackendOffline as error:  # an address that its kind cannot read
            sentence = str(error).replace("SDPLAY_PREDICT_URL", "The address")
            raise BadParams(sentence) from error
        return backend

    def speaker(self) -> A1111 | Local | Predict:
        """The same, not yet named."""
        url, key = self.url.strip(), self.key.strip()
        if self.kind == "a1111":
            return A1111(url, key, guest=self.guest)
        if self.kind == "local":
            return Local(url, key, process=LocalProcess(), guest=self.guest)
        return Predict(self.kind, url, key, guest=self.guest)


def is_connected(name: str) -> bool:
    """Whether a backend's name is that of a visitor's server."""
    return name.startswith(GUEST_PREFIX)


def is_connected_label(text: str) -> bool:
    """Whether a link names a visitor's server, by its name or as the list of backends shows it."""
    return is_connected(text) or text.startswith(_YOUR)


def label_of(name: str) -> str:
    """What the library calls a backend, also when nobody is connected to it any more.  The letters
    at its end are those of the list of backends: two servers of one kind are told apart."""
    kind, _, digest = name.removeprefix(GUEST_PREFIX).rpartition("-")
    if is_connected(name) and kind in KINDS:
        return f"Connected {KINDS[kind].label} {digest[-LETTERS:]}"
    return name
