"""What every test shares: a data folder of its own, no settings of this machine, no silent skip in
the full suite."""

import gc
import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from sdplay.settings import SETTINGS
from tests.paging import ENTRY, new_page
from tests.suites import place

if find_spec("hypothesis"):
    from hypothesis import HealthCheck, settings

    # A busy machine may need any time for an example, and a gate must not hang on chance.
    settings.register_profile(
        "any machine",
        deadline=None,
        derandomize=bool(os.environ.get("SDPLAY_FULL_SUITE")),
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("any machine")

ALLOWED_TO_SKIP = ("SDPLAY_A1111_URL", "SDPLAY_PREDICT_URL", "SDPLAY_SDCPP_SERVER", "GPU")
"""Live tests name what they would need; everything else must run where SDPLAY_FULL_SUITE is set."""
MOST_WORKERS = 4
gc.disable()  # until the tests begin: all that is loaded stays, and looking through it takes long


def pytest_xdist_auto_num_workers(config):
    """The whole suite is shared among the cores; tests that somebody names run in this process.

    One process more than there are cores: some tests wait for a clock or a server meanwhile."""
    is_whole = config.args_source is config.ArgsSource.TESTPATHS
    return min((os.cpu_count() or 1) + 1, MOST_WORKERS) if is_whole else 0


def pytest_collection_modifyitems(config, items):
    if hasattr(config, "workerinput"):  # several processes share the files
        items.sort(key=lambda item: place(item.path.stem))


def pytest_collection_finish():
    """Pages leave much behind: looked through more rarely, it costs half as much."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """One of several processes reports what was tested and what failed, not each start and end: to
    send those costs as much as most tests."""
    if not hasattr(item.config, "workerinput") or item.config.option.durations is not None:
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.fixture(scope="session")
def new_home(tmp_path_factory):
    """Names a data folder that nobody has; most tests never make theirs."""
    homes, number = tmp_path_factory.mktemp("homes"), count()
    return lambda: homes / str(next(number))


@pytest.fixture(autouse=True)
def settings_of_nobody(monkeypatch, new_home):
    forget_settings(monkeypatch, new_home())


def forget_settings(patch, home):
    for name in SETTINGS:
        patch.delenv(name, raising=False)
    patch.setenv("SDPLAY_HOME", str(home))


@pytest.fixture
def page(monkeypatch):
    yield from opened_anew(monkeypatch)


@pytest.fixture(scope="module")
def lasting_page(new_home):
    """A page for all tests of a file, which look at what is there."""
    with pytest.MonkeyPatch.context() as patch:
        forget_settings(patch, new_home())
        yield from opened_anew(patch)


def opened_anew(patch):
    """The page of a server that was just started."""
    import streamlit as st

    patch.chdir(Path(ENTRY).parent)
    st.cache_resource.clear()
    st.cache_data.clear()
    yield new_page()
    from sdplay.ui import session

    session.jobs().library.close()
    st.cache_resource.clear()


@pytest.fixture(scope="session")
def moto():
    """The port of a running S3 server."""
    pytest.importorskip("moto.server", reason="needs moto: pip install 'moto[server]'")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            assert server.poll() is None
            time.sleep(0.05)
    yield port
    server.terminate()
    server.wait()


@pytest.fixture(scope="session")
def sd(tmp_path_factory):
    from tests.tiny_checkpoint import small_sd

    return small_sd(tmp_path_factory.mktemp("sd"))


@pytest.fixture(scope="session")
def sdxl(tmp_path_factory):
    from tests.tiny_checkpoint import small_sdxl

    return small_sdxl(tmp_path_factory.mktemp("sdxl"))


def _allowed(report):
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    return any(word in reason for word in ALLOWED_TO_SKIP)


def pytest_terminal_summary(terminalreporter):
    skipped = [
        report for report in terminalreporter.stats.get("skipped", []) if not _allowed(report)
    ]
    if os.environ.get("SDPLAY_FULL_SUITE") and skipped:
        terminalreporter.write_line(
            f"{len(skipped)} tests were skipped, but the full suite may skip none.", red=True
        )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker, which tells its results to the process that has one
        return
    skipped = [report for report in reporter.stats.get("skipped", []) if not _allowed(report)]
    if os.environ.get("SDPLAY_FULL_SUITE") and skipped and session.exitstatus == 0:
        session.exitstatus = 1
