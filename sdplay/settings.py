"""Settings of the owner: one table, read from the environment (where `.env` and Streamlit secrets
end up too)."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import load_dotenv


@dataclass(frozen=True)
class Setting:
    """One environment variable and what it is for."""

    name: str
    help: str
    default: str = ""
    secret: bool = False


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
            "SDPLAY_A1111_URL", "Address of an A1111-compatible server.", "http://127.0.0.1:7860"
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
            "SDPLAY_LOCAL_URL", "Address of `python -m sdplay serve`.", "http://127.0.0.1:7861"
        ),
        Setting("SDPLAY_LOCAL_TOKEN", "Token of that process, if it asks for one.", secret=True),
        Setting(
            "SDPLAY_LOCAL_START",
            "Who may start and stop that process on the page. Empty: visits from this machine. "
            "1: everybody, with the "
            "models in SDPLAY_MODELS. 0: nobody.",
        ),
        Setting("SDPLAY_MODELS", "Folder whose checkpoints the page offers to start.", "models"),
        Setting(
            "SDPLAY_ALLOW_PRIVATE_URLS",
            "1 lets a start-image URL reach private and loopback addresses.",
        ),
        Setting("SDPLAY_MAX_QUEUED", "Pictures that one browser session may have waiting.", "64"),
        Setting(
            "SDPLAY_SWEEP_LIMIT",
            "Pictures that a sweep may have before it asks for confirmation.",
            "100",
        ),
    )
}


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


def without_secrets(text: str) -> str:
    """The text with every known secret value blanked: for logs, receipts and errors that quote a
    server."""
    for known in SETTINGS.values():
        value = os.environ.get(known.name, "").strip()
        if known.secret and len(value) >= 4:
            for part in sorted(_parts(value), key=len, reverse=True):
                text = text.replace(part, "•••")
    return text


def _parts(value: str) -> set[str]:
    """The value, and what in it is secret by itself: user and password, or an address's
    password."""
    pieces = [urlsplit(value).password or ""] if "://" in value else value.split(":", 1)
    return {value, *(piece for piece in pieces if len(piece) >= 4)}
