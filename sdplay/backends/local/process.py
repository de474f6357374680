"""The local process as this server starts it: watched, started again after a crash, and ended with
the server."""

import contextlib
import importlib.util
import json
import os
import re
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from sdplay.backends import Capabilities
from sdplay.errors import BadParams
from sdplay.settings import home, setting, without_secrets
from sdplay.sharing.revived import revived

BUILTIN = "builtin"
SERVE = ("-m", "sdplay", "serve", "--end-with-input")
NEEDS = ("torch", "diffusers", "transformers", "accelerate", "safetensors", "fastapi", "uvicorn")
INSTALL = f"{shlex.quote(sys.executable)} -m pip install '.[local]'"
DEVICES = ("", "cpu", "cuda", "mps")
DTYPES = ("", "fp32", "fp16", "bf16")
TILES = (0, 512, 768, 1024)
START_SECONDS = 300.0
"""Reading torch from a slow disk takes its time; a model may take longer still, but by then the
process answers."""
CRASHES = 3
CRASH_WINDOW = 600.0
"""So many crashes within so many seconds, and it stays off: the next start would end the same
way."""
QUIET = {"TRANSFORMERS_VERBOSITY": "error", "DIFFUSERS_VERBOSITY": "error"}
"""For a log that people read; who sets them otherwise is heard."""
BAR = "%|"
"""What progress bars have in common."""
ROOT = Path(__file__).parents[3]

State = Literal["off", "starting", "ready", "failed"]


@dataclass(frozen=True)
class Launch:
    """What to start; an empty device or number format is the best there is."""

    model: str = BUILTIN
    device: str = ""
    dtype: str = ""
    depth: str = ""
    """The folder of a model that tells how far away things are; none when empty."""
    tile: int = 0
    """Pixels a side of the tiles that larger pictures are denoised in; 0 denoises them whole."""

    def __post_init__(self) -> None:
        lists = self.device in DEVICES and self.dtype in DTYPES and self.tile in TILES
        if not lists or not self.model.strip():
            raise BadParams(
                "Choose a model, a device, a precision and tiles of the lists, then start the "
                "local process."
            )


class LocalProcess:
    """At most one child of this server, which answers at one address with one token."""

    def __init__(self, program: Sequence[str] = SERVE) -> None:
        self.program = tuple(program)
        self.token = secrets.token_urlsafe(24)
        self.launch = Launch()
        self.address = ""
        self.sentence = ""
        """How the last child ended, and whether it was started anew."""
        self.capabilities: Capabilities | None = None
        """What the child could do when it was ready: its successor can do the same."""
        self._births = 0
        self._child: subprocess.Popen[str] | None = None
        self._born = 0.0
        self._stopping = ""
        self._last_seen: dict[str, float] = {}
        self._crashes: deque[float] = deque(maxlen=CRASHES - 1)
        self._log: deque[str] = deque(maxlen=200)
        self._change = threading.Condition()

    @property
    def state(self) -> State:
        if self._child is None:
            return "failed" if self.sentence and not self._stopping else "off"
        return "ready" if self.last_seen(self.address) > self._born else "starting"

    def child(self, address: str) -> int:
        """The number of our child at this address, counted from 1; 0 when there is none."""
        return self._births if self._child is not None and self.address == address else 0

    def hopeful(self, address: str) -> bool:
        """Whether our child will soon answer there."""
        starts = time.monotonic() < self._born + START_SECONDS
        return self.child(address) > 0 and (starts or self.state == "ready")

    def seen(self, address: str, child: int) -> None:
        """Note that this child, or with 0 somebody else's process, was ready at this address just
        now."""
        if child == self.child(
            address
        ):  # what a dead one wrote may be read after the next one was started
            self._last_seen[address] = time.monotonic()

    def last_seen(self, address: str) -> float:
        """When that was, on the monotonic clock."""
        return self._last_seen.get(address, float("-inf"))

    def start(self, launch: Launch, address: str) -> None:
        """Start it there, unless it runs already."""
        with self._change:
            if self._child is None:
                self.launch, self.address, self.sentence, self._stopping = launch, address, "", ""
                self.capabilities = None
                self._crashes.clear()
                self._log.clear()
                self._spawn()
        (home() / "local-process.json").write_text(json.dumps(asdict(launch)), "utf-8")

    def stop(self, why: str = "It was stopped on this page.") -> None:
        """End the process; it is not started again."""
        with self._change:
            child = self._child
            if child is None:
                return
            self._stopping = why
            child.kill()
            self._change.wait_for(lambda: self._child is not child, 10)

    def fate(self, child: int, seconds: float = 5.0) -> str:
        """How that child ended, once that is known; empty while it lives."""
        with self._change:
            over = self._change.wait_for(
                lambda: self._births != child or self._child is None, seconds
            )
            return self.sentence if over else ""

    def log(self, lines: int) -> str:
        """The last lines that it wrote."""
        return "\n".join(list(self._log)[-lines:])

    def memory(self) -> int:
        """Bytes that it holds; 0 when it does not run."""
        import psutil  # the page need not wait for it

        child = self._child
        try:
            return int(psutil.Process(child.pid).memory_info().rss) if child else 0
        except psutil.Error:
            return 0

    def _spawn(self) -> None:
        self._births += 1
        self._born = time.monotonic()
        env = {
            **QUIET,
            **os.environ,
            "SDPLAY_LOCAL_TOKEN": setting("SDPLAY_LOCAL_TOKEN") or self.token,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "PYTHONUNBUFFERED": "1",
        }
        # Its input ends when this server ends, however that happens; a session of its own keeps
        # Ctrl+C from it.
        child = subprocess.Popen(
            [sys.executable, *self.program, *_arguments(self.launch, self.address)],
            env=env,
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        self._child = child
        revived("local-process", partial(self._tend, child))

    def _tend(self, child: subprocess.Popen[str]) -> None:
        # Whatever happens to it: a child that nobody reads from stands still.
        reader = revived("local-process-log", partial(self._read, child))
        code = child.wait()
        reader.join(1.0)
        if child.stdin:
            child.stdin.close()
        with self._change:
            try:
                if self._child is child:
                    self._ended(code)
            except OSError as error:
                self.sentence = (
                    f"The local process stopped: {_cause(code)}. It could not be started anew: "
                    f"{error.strerror or error}."
                )
            finally:
                self._change.notify_all()

    def _read(self, child: subprocess.Popen[str]) -> None:
        if child.stdout and not child.stdout.closed:
            for line in child.stdout:
                self._write(without_secrets(line.replace(self.token, "•••")))
            child.stdout.close()

    def _write(self, line: str) -> None:
        """Without colours and empty lines; a progress bar takes the place of the one before."""
        line = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line).rstrip()[:300]
        if BAR in line and self._log and BAR in self._log[-1]:
            self._log.pop()
        if line:
            self._log.append(line)

    def _ended(self, code: int) -> None:
        was_ready, now = self.state == "ready", time.monotonic()
        self._child = None
        if self._stopping:
            self.sentence = f"The local process is off. {self._stopping}"
        elif not was_ready:
            last = self.log(1)
            self.sentence = (
                "The local process ended before it was ready: "
                f"{(last or _cause(code)).rstrip('.')}."
            )
        elif len(self._crashes) == CRASHES - 1 and now - self._crashes[0] < CRASH_WINDOW:
            self.sentence = (
                f"The local process stopped again: {_cause(code)}. It stays off after {CRASHES} "
                "crashes: its "
                "log may tell why; another model, device or precision may help."
            )
        else:
            self._crashes.append(now)
            self.sentence = f"The local process stopped: {_cause(code)}. It was started anew."
            self._log.append(self.sentence)
            self._spawn()


OURS = LocalProcess()
"""The one of this server."""


def startable(address: str) -> bool:
    """Whether a process started here would answer at this address: one of this machine that nobody
    uses."""
    parts = urlsplit(address)
    if (
        parts.scheme != "http"
        or parts.path
        or parts.hostname not in ("127.0.0.1", "localhost", "::1")
    ):
        return False
    with (
        contextlib.suppress(OSError),
        socket.create_connection((parts.hostname, parts.port or 80), 1),
    ):
        return False
    return True


def missing() -> bool:
    """Whether the extra `local` is not installed.  It is looked up, not imported, to keep the page
    light."""
    return any(importlib.util.find_spec(name) is None for name in NEEDS)


def offered() -> list[str]:
    """Models to choose from: the built-in one's weights, and what lies in SDPLAY_MODELS."""
    return [BUILTIN, *map(str, checkpoints_in(_folder()))]


def depth_models() -> list[str]:
    """Models for depth to choose from: those in SDPLAY_MODELS."""
    if not _folder().is_dir():
        return []
    return [str(entry) for entry in sorted(_folder().iterdir()) if _tells_depth(entry)]


def checkpoints_in(folder: Path) -> list[Path]:
    """The checkpoints that lie in a folder: single files, and folders in diffusers' layout."""
    if not folder.is_dir():
        return []
    return [
        entry
        for entry in sorted(folder.iterdir())
        if entry.suffix == ".safetensors" or (entry / "model_index.json").exists()
    ]


def last_launch() -> Launch:
    """What was started last on this machine."""
    try:
        answer = json.loads((home() / "local-process.json").read_text("utf-8"))
        model, device, dtype = (str(answer[name]) for name in ("model", "device", "dtype"))
        depth, tile = str(answer.get("depth", "")), int(answer.get("tile", 0))
        return Launch(model, device, dtype, depth, tile)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, BadParams):
        return Launch()


def _arguments(launch: Launch, address: str) -> list[str]:
    """The command line: the chosen model first, then all others, so that the form can switch
    without a restart."""
    parts = urlsplit(address)
    models = dict.fromkeys(
        [launch.model, BUILTIN, *([str(_folder())] if checkpoints_in(_folder()) else [])]
    )
    return [
        f"--host={parts.hostname}",
        f"--port={parts.port or 80}",
        *(f"--model={model}" for model in models),
        f"--device={launch.device}",
        f"--dtype={launch.dtype}",
        *([f"--depth={launch.depth}"] if launch.depth else []),
        *([f"--tile={launch.tile}"] if launch.tile else []),
    ]


def _tells_depth(folder: Path) -> bool:
    """Whether it is a model for depth, as transformers keeps it."""
    try:
        kinds = json.loads((folder / "config.json").read_text("utf-8"))["architectures"]
        return any(str(kind).endswith("ForDepthEstimation") for kind in kinds)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _folder() -> Path:
    return Path(setting("SDPLAY_MODELS")).expanduser()


def _cause(code: int) -> str:
    if code == -getattr(signal, "SIGKILL", 9):
        return "it was killed, often for lack of memory"
    return (
        f"it crashed ({signal.Signals(-code).name})" if code < 0 else f"it ended with code {code}"
    )
