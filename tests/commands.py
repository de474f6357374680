"""The command line and the page's server as processes of their own that begin with everything read
in.

Each is forked from a server that has read sdplay and Streamlit once: with a working folder,
variables, streams and an exit code of its own, but without the time in which a new Python reads in
all it needs.
"""

import os
import runpy
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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
    "pandas",
    "pyarrow",
    "sdplay.engine.onnx_model",
    "sdplay.lessons.shelf",
    "streamlit.web.cli",
    "streamlit.web.bootstrap",
)
"""What commands and the page's server import sooner or later. Nothing of the page itself: its
components are registered with the server that reads them."""


@cache
def forks():
    context = get_context("forkserver")
    context.set_forkserver_preload([*READ_IN, __name__])
    return context


@dataclass(frozen=True)
class Program:
    """What `python -m` is asked to run, where, and which variables it sees besides ours."""

    module: str
    line: list[str]
    cwd: Path = ROOT
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, output, errors):
        """In a process that was just forked: be this program, which writes into these files."""
        # As from a terminal: whoever started the tests may have had Ctrl-C ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, file in enumerate((output, errors), 1):
            os.dup2(os.open(file, os.O_CREAT | os.O_WRONLY), number)
        os.chdir(self.cwd)
        os.environ.clear()
        os.environ.update(self.variables)
        sys.argv = [self.module, *self.line]
        runpy.run_module(self.module, run_name="__main__", alter_sys=True)


class Fork:
    """A program at work, which can be treated as one from `subprocess.Popen`."""

    def __init__(self, program, output=os.devnull, errors=os.devnull):
        self.program = replace(program, variables={**os.environ, **program.variables})
        self._process = forks().Process(target=self.program.run, args=(output, errors), daemon=True)
        with _plain_main():
            self._process.start()
        self.pid, self.kill = self._process.pid, self._process.kill
        self.terminate = self._process.terminate

    def poll(self):
        """Its exit code; None as long as it is at work."""
        return self._process.exitcode

    def wait(self, seconds=240):
        """Its exit code, once it has ended."""
        self._process.join(seconds)
        if self.poll() is None:
            self.kill()
            raise subprocess.TimeoutExpired(self.program.line, seconds)
        return self.poll()


class Command(Fork):
    """One `python -m sdplay` with these arguments, at work."""

    def __init__(self, *arguments, cwd=ROOT, **variables):
        self._folder = tempfile.TemporaryDirectory()
        self._files = [Path(self._folder.name) / name for name in ("out", "err")]
        line = [str(argument) for argument in arguments]
        super().__init__(Program("sdplay", line, cwd, variables), *self._files)

    def done(self, seconds=240):
        """Its end, as `subprocess.run` tells it."""
        code = self.wait(seconds)
        self._process.close()
        with self._folder:
            texts = [file.read_text(encoding="utf-8") for file in self._files]
        return subprocess.CompletedProcess(self.program.line, code, *texts)


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
