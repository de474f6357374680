"""Settings of the owner: one table, read from the environment (where `.env` and Streamlit secrets
end up too)."""

import base64
import json
import os
import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from dotenv import load_dotenv


@dataclass(frozen=True)
class Setting:
    """One environment variable and what it is for."""

    name: str
    help: str
    default: str = ""
    secret: bool = False
    private_path: bool = False
    """The address may hold a key in its path, as tunnels and hosted servers give them out."""


BLANK = "•••"
SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting("SDPLAY_HOME", "Folder for pictures, database and settings.", ".sdplay"),
        Setting(
            "SDPLAY_DATABASE_URL",
            "Database of a team's library, like postgresql://user:password@host/name. Empty: a "
            "file in SDPLAY_HOME.",
            secret=True,
        ),
        Setting(
            "SDPLAY_STORE_URL",
            "Folder or object store for the pictures, like s3://bucket/pictures. Empty: a "
            "folder in SDPLAY_HOME.",
        ),
        Setting(
            "SDPLAY_BACKEND",
            "Backend chosen at start: builtin, a1111, predict or local.",
            "builtin",
        ),
        Setting(
            "SDPLAY_A1111_URL",
            "Address of an A1111-compatible server.",
            "http://127.0.0.1:7860",
            private_path=True,
        ),
        Setting("SDPLAY_A1111_AUTH", "user:password of that server (its --api-auth).", secret=True),
        Setting(
            "SDPLAY_PREDICT_PRESET", "octoai, cog, replicate, openai-images or hf-inference.", "cog"
        ),
        Setting(
            "SDPLAY_PREDICT_URL",
            "Address of the hosted endpoint; owner/name at Replicate and Hugging Face.",
        ),
        Setting("SDPLAY_PREDICT_KEY", "API key of the hosted endpoint.", secret=True),
        Setting(
            "SDPLAY_PREDICT_FIELDS",
            'JSON that renames fields or takes them out, e.g. {"steps": "num_steps", '
            '"negative": null}.',
        ),
        Setting(
            "SDPLAY_PREDICT_PRICE",
            "US dollars that one picture costs there, e.g. 0.0023. It stands before each click.",
        ),
        Setting(
            "SDPLAY_LOCAL_URL",
            "Address of `python -m sdplay serve`.",
            "http://127.0.0.1:7861",
            private_path=True,
        ),
        Setting("SDPLAY_LOCAL_TOKEN", "Token of that process, if it asks for one.", secret=True),
        Setting(
            "SDPLAY_LOCAL_START",
            "Who may start and stop that process on the page. Empty: visits from this machine. "
            "1: everybody, with the "
            "models in SDPLAY_MODELS. 0: nobody.",
        ),
        Setting(
            "SDPLAY_CONNECT",
            "Who may connect a server of their own on the page, for one visit. Empty: everybody, "
            "from elsewhere only servers on the open internet. 0: nobody.",
        ),
        Setting("SDPLAY_MODELS", "Folder whose checkpoints the page offers to start.", "models"),
        Setting(
            "SDPLAY_ALLOW_PRIVATE_URLS",
            "1 lets a start-image URL, and a server that a visitor connects, be at a private or "
            "loopback address.",
        ),
        Setting("SDPLAY_MAX_QUEUED", "Pictures that one browser session may have waiting.", "64"),
        Setting(
            "SDPLAY_MAX_QUEUED_ADDRESS",
            "Pictures that all browsers at one network address may have waiting. This machine's "
            "own address does not count; behind a proxy all visitors may come from one: raise it "
            "there, and let the proxy limit each.",
            "256",
        ),
        Setting(
            "SDPLAY_SWEEP_LIMIT",
            "Pictures that a sweep may have before it asks for confirmation.",
            "100",
        ),
    )
}


_MAY_HOLD_SECRETS = tuple(
    name for name, entry in SETTINGS.items() if entry.secret or name.endswith("_URL")
)
"""The settings that are secret as a whole, and addresses, which may have a key inside."""


def load(secrets: Mapping[str, object] | None = None) -> None:
    """Take `.env` and Streamlit secrets into the environment; what is set there already wins."""
    load_dotenv(Path.cwd() / ".env")
    for name in SETTINGS:
        if secrets and name in secrets:
            os.environ.setdefault(name, str(secrets[name]))


def setting(name: str) -> str:
    """The value of one known setting; an empty variable counts as not set."""
    return os.environ.get(name, "").strip() or SETTINGS[name].default


def home() -> Path:
    """The data folder, made when it is missing."""
    folder = Path(setting("SDPLAY_HOME")).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def without_secrets(text: str, shortest: int = 4) -> str:
    """The text with every form of every secret of the settings blanked.

    For logs, receipts, files and errors that quote a server.  What people write themselves may hold
    a short password by chance: `shortest` says from how many letters on one is blanked.
    """
    ours = _forms(tuple(os.environ.get(name, "").strip() for name in _MAY_HOLD_SECRETS))
    for form in (*_all_spellings(HIDDEN.get()), *ours):
        if len(form) >= shortest:
            text = text.replace(form, BLANK)
    return text


@lru_cache(maxsize=8)
def _forms(values: tuple[str, ...]) -> tuple[str, ...]:
    """Every spelling of every secret in these settings, the longest first."""
    secrets = {
        secret
        for name, value in zip(_MAY_HOLD_SECRETS, values, strict=True)
        for secret in _secrets_in(SETTINGS[name], value)
        if len(secret) >= 4
    }
    return _all_spellings(secrets)


HIDDEN: ContextVar[tuple[str, ...]] = ContextVar("HIDDEN", default=())
"""Secrets that a visitor gave: set by whoever does something with them, so that they are blanked
there as the owner's are everywhere."""


def _all_spellings(secrets: Iterable[str]) -> tuple[str, ...]:
    """The longest first."""
    return tuple(sorted({form for secret in secrets for form in spellings(secret)}, key=len)[::-1])


def spellings(secret: str) -> set[str]:
    """A secret as it stands, inside an address, inside JSON, and in base64."""
    code = base64.b64encode(secret.encode()).decode()
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), code}
    forms |= {code.rstrip("="), quote(code, safe=""), json.dumps(secret)[1:-1]}
    return {*forms, base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")}


def _secrets_in(entry: Setting, value: str) -> set[str]:
    """What nobody else may see of a setting's value."""
    if "://" not in value:
        # user:password is what is sent, so both together are a secret as well.
        return {value, value.split(":", 1)[-1]} if entry.secret else set()
    try:
        address = urlsplit(value)
        user, password = unquote(address.username or ""), unquote(address.password or "")
    except ValueError:
        return {value}
    sign_in = {password, f"{user}:{password}"} if password else {user}
    secrets = {value} if entry.secret else set()
    hidden = set(KEY_IN_PATH.findall(address.path)) if entry.private_path else set()
    return secrets | sign_in | hidden | {word for _, word in parse_qsl(address.query)}


KEY_IN_PATH = re.compile(r"(?<=/)(?=[^/]*\d)(?=[^/]*[A-Za-z])[\w~-]{12,}(?=/|$)")
"""A part of a path that looks like a key: long, of letters and digits, without a dot."""
