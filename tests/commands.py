"""The command line as processes of their own that begin with everything read in.

Each is forked from a server that has read sdplay once: with a working folder, variables, streams
and an exit code of its own, but without the time in which a new Python reads in all it needs.
"""

import os
import runpy
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parent.parent
READ_IN = (
    "sdplay.cli.main",
    "sdplay.jobs",
    "sdplay.studio",
    "sdplay.sweeps",
    "onnxruntime",
    "requests",
)
"""What commands import sooner or later."""


@cache
def forks():
    context = get_context("forkserver")
    context.set_forkserver_preload([*READ_IN, __name__])
    return context


class Command:
    """One `python -m sdplay` with these arguments, at work."""

    def __init__(self, *arguments, cwd=ROOT, **variables):
        self.line = [str(argument) for argument in arguments]
        self._folder = tempfile.TemporaryDirectory()
        self._files = [Path(self._folder.name) / name for name in ("out", "err")]
        self._process = forks().Process(
            target=_run, args=(self.line, cwd, {**os.environ, **variables}, self._files)
        )
        with _plain_main():
            self._process.start()
        self.pid, self.kill = self._process.pid, self._process.kill

    def done(self, seconds=240):
        """Its end, as `subprocess.run` tells it."""
        self._process.join(seconds)
        code = self._process.exitcode
        if code is None:
            self.kill()
            raise subprocess.TimeoutExpired(self.line, seconds)
        self._process.close()
        with self._folder:
            texts = [file.read_text(encoding="utf-8") for file in self._files]
        return subprocess.CompletedProcess(self.line, code, *texts)


@contextmanager
def _plain_main():
    """A page under test leaves itself behind as the main module, which each new process would run
    first."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def sdplay(*arguments, cwd=ROOT):
    return Command(*arguments, cwd=cwd).done()


def _run(line, cwd, variables, files):
    # As from a terminal: whoever started the tests may have had Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_CREAT | os.O_WRONLY), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["sdplay", *line]
    runpy.run_module("sdplay", run_name="__main__", alter_sys=True)
