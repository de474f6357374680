"""A hand-made websocket that sends what no browser would: nobody else on the page pays for it."""

import secrets
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from sdplay.ui.generate.result import PATIENCE_SECONDS
from tests.fakes import a1111
from tests.serving import forked
from tests.visiting import forget_peak, megabytes
from tests.visitor import Visitor

SHORT = "?prompt=a+red+apple&steps=4&width=96&height=96"
LASTING = "?backend=a1111&prompt=a+red+apple&steps=150&width=64&height=64"
"""A picture that lasts until its server is told to hurry."""
MOST_MEGABYTES = 200
OWNER = "b" * 32


@pytest.fixture(scope="module")
def slow():
    """It waits at each step and computes nothing."""
    with a1111(step_seconds=1.0) as fake:
        yield fake


@pytest.fixture(scope="module")
def server(tmp_path_factory, slow):
    process, url = forked(tmp_path_factory.mktemp("home"), SDPLAY_A1111_URL=slow.url)
    with Visitor(url + SHORT) as first:
        first.generate(1)
        first.see(1)
    yield process, url
    process.kill()
    process.wait()


@pytest.fixture
def url(server):
    return server[1]


def opened(url):
    """A websocket to the page, spoken by hand."""
    return connect(
        f"ws://{urlsplit(url).netloc}/_stcore/stream",
        subprotocols=["streamlit"],
        additional_headers={"Cookie": f"sdplay_owner={secrets.token_hex(16)}"},
        max_size=None,
        max_queue=None,  # what nobody reads would hold up the end of the connection for ten seconds
        compression=None,
    )


def message(**fields):
    return BackMsg(**fields).SerializeToString()


def wait_for_heartbeat(odd):
    """Until the server has dealt with all that was sent before."""
    while not ForwardMsg.FromString(odd.recv(timeout=60)).heartbeat_ack:
        pass


def rerun(**fields):
    return message(rerun_script=fields)


ODD = {
    "nothing": [b""] * 100,
    "noise": [secrets.token_bytes(2000)],
    "words": ["GET / HTTP/1.1"],
    "more than a message may hold": [b"\0" * 40_000_000],
    "two thousand runs": [rerun()] * 2000,
    "two thousand runs of parts that are not there": [rerun(fragment_id="none")] * 2000,
    "two thousand stops": [message(stop_script=True)] * 2000,
    "names of widgets that are not there": [
        rerun(widget_states={"widgets": [{"id": f"$$ID-{n}", "int_value": n} for n in range(9000)]})
    ],
    "two hundred questions about the repository": [message(load_git_info=True)] * 200,
    "the end of the server": [message(debug_shutdown_runtime=True)] * 10,
}


@pytest.mark.parametrize("name", ODD)
def test_odd_messages_cost_nobody_else_a_picture(name, url):
    with Visitor(url + SHORT) as visitor, opened(url) as odd:
        visitor.generate(2)
        with suppress(ConnectionClosed):  # where the server has had enough of it
            for each in ODD[name]:
                odd.send(each)
        assert visitor.see(2)
        visitor.generate(3)
        assert visitor.see(3)


def test_a_message_of_countless_names_takes_little_memory(server):
    process, url = server
    names = message(file_urls_request={"file_names": [""] * 4_000_000})
    forget_peak(process.pid)
    before = megabytes(process.pid)
    with opened(url) as odd, Visitor(url + SHORT) as visitor:
        odd.send(names)
        visitor.generate(4)
        assert visitor.see(4)
    assert megabytes(process.pid, "VmHWM") - before < MOST_MEGABYTES


def test_nobody_clears_what_the_server_holds_for_others(url, slow):
    with Visitor(url + LASTING, owner=OWNER) as before, opened(url) as odd:
        before.generate(5)
        assert before.look(lambda: PATIENCE_SECONDS in before.intervals())
        odd.send(message(clear_cache=True))
        odd.send(message(app_heartbeat=True))
        wait_for_heartbeat(odd)
        with Visitor(url + LASTING, owner=OWNER) as after:
            slow.hurry.set()
            assert after.see(5)
