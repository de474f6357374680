"""The local process without its server: whose turn it is, which model is loaded, who may ask."""

import asyncio
import base64
import json
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from sdplay.errors import BackendRefused, BadParams, Cancelled
from sdplay.params import Params

pytest.importorskip("torch", reason="the local process needs torch: pip install '.[local]'")
pytest.importorskip("fastapi", reason="the local process needs FastAPI: pip install '.[local]'")

from sdplay.server.a1111.mask import Masking, filled, masked
from sdplay.server.extras.addons import marks
from sdplay.server.limits import Doorman, Limits
from sdplay.server.models import Machine, Models
from sdplay.server.queue import Queue
from sdplay.server.render import RenderStep, render
from sdplay.server.request import PictureRequest
from sdplay.server.stream import PREVIEW_SECONDS, _lines
from tests.local_process import tiny_models, until

CPU = Machine(device="cpu")


def queue(**more):
    """A queue that nobody serves, so that its order can be seen."""
    return Queue(Models(["builtin"], CPU), at_once=0, **more)


def picture_request(owner, urgent=True, **params):
    return PictureRequest(
        Params(**{"width": 128, "height": 128, "steps": 2, **params}), owner, urgent
    )


def test_owners_take_turns_and_people_go_before_sweeps():
    waiting = queue()
    sweep = waiting.submit(*[picture_request("team", urgent=False) for _ in range(5)])
    guest = waiting.submit(picture_request("guest"), picture_request("guest"))
    (person,) = waiting.submit(picture_request("team"))
    order = sorted([*sweep, *guest, person], key=waiting.ahead)
    assert order[:4] == [guest[0], person, guest[1], sweep[0]]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_worker_ends_its_ticket_with_a_sentence_and_the_next_one_runs():
    queue, served = Queue(Models(["builtin"], CPU), at_once=1), []

    def dying(ticket):
        served.append(ticket)
        if len(served) == 1:
            raise SystemExit
        queue._finish(ticket, "done")

    queue._serve = dying
    lost, saved = queue.submit(picture_request("a"), picture_request("a"))
    until(lambda: lost.over and saved.over)
    assert (lost.state, saved.state) == ("failed", "done")
    assert "broke down" in str(lost.error)
    for worker in [thread for thread in threading.enumerate() if thread.name == "queue"]:
        worker.join()  # its death is this test's, not the next one's


def test_a_pictures_seconds_are_its_own_and_waiting_for_others_is_queue():
    queue = Queue(Models(["builtin"], CPU))
    tickets = queue.submit(*[picture_request("a", steps=4, seed=seed) for seed in range(4)])
    until(lambda: all(ticket.over for ticket in tickets), 600)
    own = 0.0
    for ticket in tickets:
        seconds = ticket.rendered.seconds
        assert sum(seconds.values()) <= ticket.ended - ticket.started
        own += seconds["sampling"] + seconds["decode"]
    assert own <= max(ticket.ended for ticket in tickets) - tickets[0].created
    assert tickets[0].rendered.seconds["company"] > 0


def drawn(rough):
    return b"rough" if rough else b"sharp"


def at_work(owner, previews=True):
    """A queue that nobody serves, with this one's picture at its first step."""
    waiting = queue()
    (ticket,) = waiting.submit(replace(picture_request(owner), previews=previews))
    begin(ticket)
    return waiting, ticket


def begin(*tickets):
    for ticket in tickets:
        ticket.state = "running"
        ticket.step = RenderStep(1, 9, 1.0, drawn if ticket.request.previews else None)


async def previews(waiting, ticket, *between):
    """What a listener sees at a first step, and at one more after each of these."""
    stream = _lines(waiting, ticket)
    told = [json.loads(await anext(stream))]
    for happens in between:
        happens()
        ticket.changed()
        told.append(json.loads(await anext(stream)))
    await stream.aclose()
    return [base64.b64decode(each.get("preview", "")).decode() for each in told]


def test_the_only_picture_at_work_shows_its_first_step_sharp():
    assert asyncio.run(previews(*at_work("a"))) == ["sharp"]


def test_company_that_nobody_watches_takes_no_preview_from_who_looks():
    waiting, ticket = at_work("a")
    begin(*waiting.submit(*[replace(picture_request("b"), previews=False)] * 400))
    assert asyncio.run(previews(waiting, ticket)) == ["sharp"]


def test_in_a_small_company_previews_are_rough():
    waiting, ticket = at_work("a")
    begin(*waiting.submit(picture_request("b"), picture_request("c")))
    seen = asyncio.run(previews(waiting, ticket, lambda: time.sleep(PREVIEW_SECONDS)))
    assert set(seen) - {""} == {"rough"}


def test_a_crowd_gets_fewer_previews_until_it_has_gone():
    waiting, ticket = at_work("a")
    crowd = waiting.submit(*[picture_request("b")] * 400)
    begin(*crowd)

    def gone():
        for other in crowd:
            other.state = "done"

    assert asyncio.run(previews(waiting, ticket, lambda: None, gone)) == ["", "", "sharp"]


def test_the_seconds_left_count_the_passes_to_come():
    events = list(render(Models(["builtin"], CPU), hires_wish(), lambda: False))
    *steps, rendered = events
    assert [(event.step, event.steps) for event in steps] == [(at, 6) for at in range(1, 7)]
    assert steps[3].seconds_left > 0, "the small picture is done, the large one is not"
    assert steps[-1].seconds_left == 0
    assert rendered.seconds["sampling"] > 0


def hires_wish():
    params = {"steps": 4, "scheduler": "euler", "hires_scale": 1.5, "hires_strength": 0.5}
    return picture_request("a", **params)


def test_a_full_queue_refuses_and_says_when_to_come_again():
    waiting = queue(most_waiting=3)
    waiting.submit(*[picture_request("a")] * 3)
    with pytest.raises(BackendRefused, match="3 pictures are waiting") as told:
        waiting.submit(picture_request("b"))
    assert told.value.retry_after


def test_a_request_is_queued_whole_or_not_at_all():
    waiting = queue()
    with pytest.raises(BadParams, match="no model called"):
        waiting.submit(picture_request("a"), picture_request("a", model="nope"))
    assert waiting.tickets == {}


def test_a_name_is_given_once():
    waiting = queue()
    waiting.submit(picture_request("a"), id="mine")
    with pytest.raises(BadParams, match="already"):
        waiting.submit(picture_request("b"), id="mine")


def test_a_waiting_job_is_cancelled_at_once():
    waiting = queue()
    (ticket,) = waiting.submit(picture_request("a"))
    waiting.cancel(ticket)
    assert (ticket.state, waiting.tickets) == ("cancelled", {})


def test_a_shelf_names_its_models_by_folder_and_weights():
    models = Models([str(tiny_models()), "builtin"], CPU)
    assert list(models.by_name) == ["alpha", "beta", "sdplay-icons"]
    assert len({model.mark for model in models.by_name.values()}) == 3
    assert (
        models.named(models.by_name["beta"].title)
        is models.named(models.by_name["beta"].mark)
        is models.by_name["beta"]
    )


def test_loras_lie_beside_the_model_or_where_told_and_are_no_part_of_it(tmp_path):
    model = Path(shutil.copytree(tiny_models() / "alpha", tmp_path / "alpha"))
    mark = Models([str(model)], CPU).named("alpha").mark
    shutil.copytree(tiny_models() / "loras", model / "loras/deep")
    beside, told = (
        Models([str(model)], CPU),
        Models(["builtin"], Machine(device="cpu", loras=(str(model / "loras"),))),
    )
    assert list(beside.loras) == list(told.loras) == ["ink"]
    assert beside.named("alpha").mark == mark
    with pytest.raises(BadParams, match="no folder"):
        Models(["builtin"], Machine(loras=(str(tmp_path / "nowhere"),)))


def test_a_lora_that_was_trained_again_has_another_mark(tmp_path):
    file = Path(shutil.copy(tiny_models() / "loras/ink.safetensors", tmp_path))
    before = marks({"ink": file})
    file.write_bytes(file.read_bytes() + b" ")
    assert before != marks({"ink": file})
    file.unlink()
    assert marks({"ink": file}) == {}


def test_a_model_that_fails_tells_why_and_the_next_one_loads(tmp_path):
    (tmp_path / "flux").mkdir()
    (tmp_path / "flux/model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    models = Models([str(tmp_path / "flux"), str(tiny_models() / "alpha")], CPU)
    with pytest.raises(BadParams, match="FluxPipeline"), models.engine("flux"):
        pass
    assert "FluxPipeline" in models.failure
    with models.engine("alpha") as engine:
        assert engine.model.channels == 4


def test_another_model_waits_until_the_first_is_free_and_can_give_up():
    models = Models([str(tiny_models())], CPU)
    got = []

    def other():
        with models.engine("beta"):
            got.append(models.loaded)

    with models.engine("alpha"):
        waiting = threading.Thread(target=other)
        waiting.start()
        with pytest.raises(Cancelled), models.engine("beta", lambda: True):
            pass
        assert got == []
    waiting.join()
    assert (got, models.loaded) == (["beta"], "beta")


def test_the_memory_of_a_model_is_given_back():
    models = Models([str(tiny_models())], CPU)
    with models.engine("alpha") as engine:
        model = engine.model
    models.unload()
    assert (model.parts, models.loaded) == (None, "")


def test_an_empty_folder_is_no_shelf(tmp_path):
    with pytest.raises(BadParams, match="no model in"):
        Models([str(tmp_path)], CPU)


def test_a_mask_is_filled_with_the_colours_around_it():
    picture, mask = Image.new("RGB", (64, 64), (10, 200, 30)), Image.new("L", (64, 64))
    picture.paste((255, 0, 0), (24, 24, 40, 40))
    mask.paste(255, (24, 24, 40, 40))
    red, green, _ = filled(picture, mask).getpixel((32, 32))
    assert red < 60 < 150 < green


def test_a_masks_neighbourhood_has_the_asked_shape_and_lies_inside():
    picture, mask = Image.new("RGB", (100, 60)), Image.new("L", (100, 60))
    mask.paste(255, (90, 0, 100, 10))
    ready = masked(picture, mask, (64, 64), Masking(padding=5))
    done = ready.finish(Image.new("RGB", (64, 64), "white"))
    assert done.size == (100, 60)
    assert done.getpixel((98, 2)) > (200, 200, 200)
    assert done.getpixel((50, 30)) == (0, 0, 0)


def answered(headers, token="", path="/sdapi/v1/options"):
    """The status with which the doorman answers; 200 when it lets through."""
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})

    async def send(message):
        sent.append(message.get("status"))

    scope = {
        "type": "http",
        "path": path,
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
    }
    asyncio.run(Doorman(app, token, Limits(megabytes=1))(scope, None, send))
    return sent[0]


def basic(text):
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer tok"}, 401),
        ({"authorization": "Bearer token"}, 200),
        ({"authorization": "bearer token"}, 200),
        (basic("me:token"), 200),
        (basic("token"), 200),
        (basic("me:toke"), 401),
        ({"authorization": "Basic %%%"}, 401),
        ({"authorization": "Digest token"}, 401),
        ({"authorization": "Bearer tökén"}, 401),
    ],
)
def test_the_door_knows_the_token_in_every_form(headers, status):
    assert answered(headers, "token") == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:7861", 200),
        ("localhost", 200),
        ("[::1]:7861", 200),
        ("evil.example:7861", 403),
        ("", 403),
        ("127.0.0.1.evil.example", 403),
    ],
)
def test_without_a_token_only_this_machines_names_are_answered(host, status):
    assert answered({"host": host}) == status


def test_a_large_body_and_health_are_judged_before_anything_else():
    assert answered({"host": "localhost", "content-length": str(2**21)}) == 413
    assert answered({}, "token", "/health") == 200


def test_a_job_that_waits_long_for_another_model_is_let_in_first(monkeypatch):
    monkeypatch.setattr("sdplay.server.models.PATIENCE", 0.2)
    models, order = Models([str(tiny_models())], CPU), []

    def use(name):
        with models.engine(name):
            order.append(name)

    with models.engine("alpha"):
        threads = [threading.Thread(target=use, args=("beta",))]
        threads[0].start()
        until(lambda: models._line and time.monotonic() - models._line[0].since > 0.2)
        threads.append(threading.Thread(target=use, args=("alpha",)))
        threads[1].start()
        until(lambda: len(models._line) == 2)
        time.sleep(0.1)
        assert order == []
    for thread in threads:
        thread.join()
    assert order == ["beta", "alpha"]
