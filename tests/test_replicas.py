"""Many replicas: the router in front of them with slots of its own making, then two real
ones on Ray Serve."""

import asyncio
import json
import os
import re
import signal
import socket
import socketserver
import threading
import time
from contextlib import contextmanager, suppress
from urllib.request import Request, urlopen

import psutil
import pytest

from sdplay.backends import ASKER, Asker
from sdplay.backends.a1111 import A1111
from sdplay.backends.local import Local
from sdplay.compare.axes import Setup
from sdplay.compare.plan import plan
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.params import Params
from sdplay.picture import Picture
from sdplay.sweeps import Bench, Speeds, Sweep

pytest.importorskip("torch", reason="the local process needs torch: pip install '.[local]'")
pytest.importorskip("fastapi", reason="the local process needs FastAPI: pip install '.[local]'")

from sdplay.server.replicas import Incoming, Lost, Router
from tests.local_process import Process, ask, lines, shared, tiny_models, until

PICTURES, OPTIONS = "/sdplay/v1/pictures", "/sdapi/v1/options"


class Line:
    """A replica that answers with its script: body chunks, or its death."""

    def __init__(self, name, *script):
        self.name, self.script, self.incoming = name, list(script), []

    async def ask(self, scope, body):
        self.incoming.append((scope["path"], body))
        if self.script and self.script[0] is Lost:
            raise self.script.pop(0)
        yield {"type": "http.response.start", "status": 200, "headers": []}
        while self.script:
            told = self.script.pop(0)
            if told is Lost:
                raise Lost
            yield {"type": "http.response.body", "body": told, "more_body": True}
        yield {"type": "http.response.body", "body": b"", "more_body": False}


def scope(path, method="POST", client="me", query=b""):
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "client": (client, 1),
    }


async def answered(router, path, body=b"{}", **more):
    """What the router sends: the heads' statuses and the body."""
    sent, unread = [], [{"type": "http.request", "body": body}]

    async def receive():
        return unread.pop() if unread else await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    await router(scope(path, **more), receive, send)
    return [each["status"] for each in sent if "status" in each], b"".join(
        each.get("body", b"") for each in sent
    )


def at_work(slot, path=PICTURES, client="me", **told):
    incoming = Incoming(scope(path, client=client), json.dumps(told).encode())
    incoming.slot = slot
    return incoming


@pytest.mark.parametrize(
    ("path", "told", "query", "slot"),
    [
        (PICTURES, {"group": "sweep"}, b"", "second"),
        (PICTURES, {"group": "other"}, b"", "third"),
        (PICTURES, {}, b"", "third"),
        (f"{PICTURES}/mine/cancel", {}, b"", "first"),
        ("/internal/progress", {"id_task": "task"}, b"", "second"),
        ("/sdapi/v1/interrupt", {}, b"id_task=task", "second"),
        ("/sdapi/v1/progress", {}, b"", "first"),
    ],
)
def test_what_belongs_together_meets_the_same_replica(path, told, query, slot):
    first, second, _ = slots = [Line(name) for name in ("first", "second", "third")]
    router = Router(slots)
    router.under_way = [
        at_work(first, id="mine"),
        at_work(second, group="sweep", client="page"),
        at_work(second, "/sdapi/v1/txt2img", "guest", force_task_id="task"),
    ]
    assert router._slot(Incoming(scope(path, query=query), json.dumps(told).encode())).name == slot


@pytest.mark.parametrize("before", [(), (b"one\n",)])
def test_a_request_is_sent_again_when_its_replica_dies(before):
    first, second = slots = [Line("first", *before, Lost), Line("second", b"two\n")]
    heads, told = asyncio.run(answered(Router(slots), PICTURES))
    assert (heads, told) == ([200], b"".join(before) + b"two\n")
    assert first.incoming[0] == second.incoming[0]


@pytest.mark.parametrize(("before", "heads"), [((), [500]), ((b"one\n",), [200])])
def test_a_request_that_three_replicas_died_of_is_given_up_in_a_sentence(before, heads):
    slots = [
        Line("first", *before, Lost),
        Line("second", *before, Lost),
        Line("third", *before, Lost),
    ]
    status, told = asyncio.run(answered(Router(slots), PICTURES))
    assert (status, b"given up" in told) == (heads, True)


def test_the_chosen_model_holds_for_all_and_for_those_who_come_back():
    first, second = slots = [Line("first"), Line("second")]
    router = Router(slots)

    async def story():
        await answered(router, OPTIONS, b'{"sd_model_checkpoint": "beta"}')
        second.script = [Lost]
        router.under_way = [at_work(first)]
        await answered(router, PICTURES)
        await asyncio.gather(*router.down.values())

    asyncio.run(story())
    assert [path for path, _ in second.incoming] == [OPTIONS, PICTURES, OPTIONS]
    assert second.incoming[0][1] == second.incoming[2][1]
    assert router.down == {}


@pytest.fixture(scope="module")
def two():
    """Two replicas on Ray Serve."""
    pytest.importorskip("ray", reason="many replicas need Ray: pip install '.[local,ray]'")
    process = started("--model", tiny_models() / "alpha", "--device", "cpu", "--ray", 2)
    yield process
    process.end()


def started(*arguments):
    """Ray has hung while it started on a busy machine; one that hangs again is a fault."""
    process = Process(*arguments)
    try:
        return process.ready(180)
    except TimeoutError as error:
        print(error)
        process.end()
        return Process(*arguments).ready()


def family(process):
    return psutil.Process(process.running.pid).children(recursive=True)


def serve_replicas(process):
    return [each for each in family(process) if "ServeReplica" in command_line(each)]


def command_line(process):
    with suppress(psutil.NoSuchProcess):
        return "".join(process.cmdline())
    return ""


def small(seed, steps=3):
    return Params("a fox", scheduler="euler", steps=steps, seed=seed, width=64, height=64)


def made(url, **more):
    """Which replica made a picture."""
    body = {"params": small(1, 150).as_dict(), "previews": False, **more}
    request = Request(
        f"{url}{PICTURES}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(request, timeout=400) as answer:
        assert json.loads(answer.read().splitlines()[-1])["event"] == "done"
        return answer.headers["sdplay-replica"]


def at_once(*work):
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_both_replicas_work_and_a_sweep_stays_on_one(two):
    swept, alone = [], []
    sweep = [lambda: swept.append(made(two.url, group="sweep", urgent=False))] * 6
    at_once(*sweep, *[lambda: alone.append(made(two.url))] * 12)
    assert (len(swept), len(set(swept))) == (6, 1)
    assert (len(alone), len(set(alone))) == (12, 2)


def test_the_page_names_its_sweeps_and_hears_of_all_replicas(two):
    asker = ASKER.set(Asker("somebody", "sweep"))
    *_, picture = Local(two.url).generate(small(1))
    ASKER.reset(asker)
    told = Local(two.url).probe()
    assert isinstance(picture, Picture)
    assert (told.status, told.at_once, "2 × cpu" in told.message) == ("ready", 64, True)


@contextmanager
def overheard(url):
    """A relay before a server: its address, and the replicas that streamed a picture through it."""
    port, heard = int(url.rstrip("/").rsplit(":", 1)[1]), set()

    def copy(source, target):
        said = b""
        with suppress(OSError):
            while told := source.recv(65536):
                said = (said + told)[-100_000:]
                heads = re.findall(rb"HTTP/1.1 200 OK\r\n(?:[^\r]+\r\n)+", said)
                heard.update(
                    re.search(rb"sdplay-replica: (.+)\r", head)[1]
                    for head in heads
                    if b"ndjson" in head
                )
                target.sendall(told)
            target.shutdown(socket.SHUT_WR)

    class Relay(socketserver.BaseRequestHandler):
        def handle(self):
            with socket.create_connection(("127.0.0.1", port)) as onward:
                threading.Thread(target=copy, args=(self.request, onward), daemon=True).start()
                copy(onward, self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
        server.shutdown()


def swept(url, folder):
    """A sweep of six cells as the page starts it."""
    jobs, bench = Jobs(Library(folder)), Bench({"local": Local(url)})
    facts = bench.facts("local", jobs.library, Speeds(folder / "speeds.json", jobs.estimates))
    made = plan(
        Setup("local", small(1, 30)), [("scheduler", "euler, ddim"), ("seed", "1-3")], facts
    )
    return Sweep(made, bench, jobs, owner="me").start()


def test_a_sweep_of_the_page_stays_on_one_replica_and_every_picture_arrives(two, tmp_path):
    with overheard(two.url) as (url, serve_replicas):
        run, steps, ends = swept(url, tmp_path), {}, time.monotonic() + 400
        while not run.wait(0.02) and time.monotonic() < ends:
            # A sweep lets go of its jobs once their pictures are there.
            steps |= {job.id: job.progress.steps for job in run.jobs.of("me", run.group)}
    assert (run.counts(), len(serve_replicas)) == ({"made": 6}, 1)
    assert list(steps.values()) == [30] * 6
    assert len({result.pixels for result in run.results().values()}) == 6
    run.jobs.library.close()


def test_a_job_is_cancelled_through_the_door_and_leaving_stops_it(two):
    seen = []
    for line in lines(two.url, {"params": small(1, 150).as_dict(), "id": "mine"}):
        seen.append(line["event"])
        if seen.count("step") == 1:
            ask(f"{two.url}{PICTURES}/mine/cancel", {})
    run = Local(two.url).generate(small(1, 150))
    next(event for event in run if event.step)
    run.close()
    until(lambda: ask(f"{two.url}/sdplay/v1/about")[1]["waiting"] == 0)
    assert seen[-1] == "cancelled"


def test_every_picture_arrives_when_a_replica_is_killed_in_the_middle(two):
    pictures, answers, begun = {}, [], threading.Semaphore(0)

    def paint(seed):
        events = Local(two.url).generate(small(seed, 60))
        next(event for event in events if event.step)
        begun.release()
        *_, pictures[seed] = events

    def guest():
        answers.extend(A1111(two.url).generate(small(8, 60)))

    def kill():
        for _ in range(8):
            assert begun.acquire(timeout=400)
        os.kill(serve_replicas(two)[0].pid, signal.SIGKILL)

    at_once(*[lambda seed=seed: paint(seed) for seed in range(8)], guest, kill)
    assert [isinstance(pictures[seed], Picture) for seed in range(8)] == [True] * 8
    assert isinstance(answers[-1], Picture)
    for seed in (0, 5):
        *_, alone = Local(shared().url).generate(small(seed, 60))
        assert _difference(alone, pictures[seed]) <= 1


def _difference(one, other):
    pairs = zip(one.image().tobytes(), other.image().tobytes(), strict=True)
    return max(abs(a - b) for a, b in pairs)


def connections(process):
    """Those of a process, if it lives."""
    with suppress(psutil.NoSuchProcess):
        return process.net_connections()
    return []


def test_a_port_that_others_can_reach_asks_for_a_token(two):
    import grpc

    ports = {
        held.laddr.port
        for each in family(two)
        for held in connections(each)
        if held.status == "LISTEN" and held.laddr.ip.rpartition(":")[2] != "127.0.0.1"
    }
    for port in ports:
        with (
            grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
            pytest.raises(grpc.RpcError) as told,
        ):
            channel.unary_unary("/ray.serve.ASGIService/HandleRequest")(b"", timeout=120)
        assert told.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_ending_the_command_leaves_no_process_behind(two):
    own = family(two)
    two.running.terminate()
    two.running.wait(120)
    assert psutil.wait_procs(own, 120)[1] == []
