"""The page's backend for the local process, against a real one."""

import json
import os
import signal
import socket
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from sdplay import studio
from sdplay.backends import ASKER, Asker
from sdplay.backends.guests import Connection
from sdplay.backends.guests.trial import tried
from sdplay.backends.local import Local
from sdplay.backends.local.process import Launch, LocalProcess
from sdplay.errors import BackendBroken, BackendOffline, BackendRefused, BadParams
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.params import FIRST_KNOBS, KNOBS, Control, Params
from sdplay.picture import Picture, Progress, png_bytes
from tests.fakes import send, sends, site
from tests.local_process import Process, ask, free_port, lines, shared, tiny_models, until
from tests.making import colour

pytest.importorskip("torch", reason="the local process needs torch: pip install '.[local]'")
pytest.importorskip("fastapi", reason="the local process needs FastAPI: pip install '.[local]'")

SMALL = Params("a fox", "dog", "euler", 3, 4, 7, 64, 64)


@pytest.fixture(scope="module")
def url():
    return shared().url


def made(backend, params):
    *_, picture = backend.generate(params)
    return picture


def test_a_picture_comes_with_progress_and_an_honest_receipt(url):
    events = list(Local(url).generate(SMALL.with_(steps=30)))
    picture = events[-1]
    assert any(event.step == 30 or event.fraction for event in events[:-1])
    assert picture.image().size == (64, 64)
    assert picture.receipt.applied["seed"] == 7
    assert picture.receipt.sent["params"]["scheduler"] == "euler"
    assert picture.receipt.warnings == ()
    assert picture.timing.sampling > 0
    assert picture.model.startswith("alpha [")


def test_a_visitor_connects_it_without_saying_what_it_is(url):
    entry = tried(Connection("", url, nearby=True), "f" * 32)
    assert (entry.connection.kind, entry.capabilities.status) == ("local", "ready")
    picture = made(entry.backend, SMALL)
    assert (picture.backend, picture.receipt.warnings) == (entry.backend.name, ())


@contextmanager
def older(url, knobs, tells=True):
    """The process as one of an earlier version: it refuses the settings that it does not know, and
    the first one an empty number."""

    def about(http, asked):
        told = {**ask(f"{url}/sdplay/v1/about")[1], "knobs": list(knobs)}
        gone = () if tells else ("knobs", "asks")
        send(http, {name: value for name, value in told.items() if name not in gone})

    def pictures(http, asked):
        told = asked.json()["params"]
        refused = set(told) - set(knobs) or {name for name in told if told[name] is None}
        if refused and (set(told) - set(knobs) or not tells):
            send(http, {"detail": f"There is no setting called {min(refused)!r}."}, 422)
            return
        events = lines(url, asked.json())
        send(http, "".join(json.dumps(event) + "\n" for event in events))

    with site({"GET /sdplay/v1/about": about, "POST /sdplay/v1/pictures": pictures}) as served:
        yield served


def test_a_process_with_fewer_settings_gets_those_and_the_rest_is_told(url):
    fewer = [name for name in KNOBS if not name.startswith("variation")]
    with older(url, fewer) as process:
        plain = made(Local(process.url), SMALL)
        varied = made(Local(process.url), SMALL.with_(variation_strength=0.5, variation_seed=3))
    assert plain.receipt.warnings == ()
    assert set(plain.receipt.sent["params"]) == set(fewer) - {"extra"}
    assert [each.partition(":")[0] for each in varied.receipt.warnings] == [
        "Variation seed",
        "Variation strength",
    ]
    assert "is older than the page and does not know it, so it was" in varied.receipt.warnings[0]
    assert varied.image().tobytes() == plain.image().tobytes()


def test_a_process_of_the_first_version_makes_pictures_too(url):
    with older(url, FIRST_KNOBS, tells=False) as process:
        plain = made(Local(process.url), SMALL)
        still = made(Local(process.url), SMALL.with_(scheduler="euler_a", eta=0))
    assert plain.receipt.warnings == ()
    assert "eta" not in plain.receipt.sent["params"]
    assert "takes 0 for the sampler's own" in still.receipt.warnings[-1]


def test_previews_are_small_pictures_and_can_be_left_out(url):
    backend = Local(url)
    seen = [
        event.preview
        for event in backend.generate(SMALL.with_(steps=60))
        if isinstance(event, Progress)
    ]
    backend.previews = False
    unseen = [event.preview for event in backend.generate(SMALL) if isinstance(event, Progress)]
    assert any(preview and preview.startswith(b"\xff\xd8") for preview in seen)
    assert not any(unseen)


def test_frames_come_when_they_are_wanted(url):
    backend = Local(url)
    backend.keep_frames = True
    picture = made(backend, SMALL)
    assert [frame.step for frame in picture.frames] == [1, 2, 3]
    assert all(frame.clean and frame.noisy for frame in picture.frames)


def test_it_tells_what_it_can_do(url):
    told = Local(url).probe()
    assert told.status == "ready"
    assert {"euler", "unipc_karras"} <= set(told.schedulers)
    assert [name.split(" ")[0] for name in told.models] == ["alpha", "beta"]
    assert told.sizes[0] == (256, 256)
    assert told.size_limits == (64, 1024)


def test_a_model_of_the_list_is_used_and_named(url):
    backend = Local(url)
    title = backend.probe().models[1]
    picture = made(backend, SMALL.with_(model=title))
    assert picture.model == title == backend.model_version(SMALL.with_(model=title))


def test_what_a_prompt_names_counts_as_the_models_version(url):
    backend, plain = Local(url), Local(url).model_version(SMALL)
    told = [
        backend.model_version(SMALL.with_(**more))
        for more in (
            {"prompt": "a cat"},
            {"prompt": "a fox <lora:ink:1>"},
            {"negative": "Paper"},
            {"refiner": "beta"},
        )
    ]
    assert told[0] == plain
    assert all(each.startswith(f"{plain} ") for each in told[1:])
    assert len(set(told)) == 4


def test_the_same_settings_are_not_painted_twice(url, tmp_path):
    backend, library = Local(url), Library(tmp_path)
    kept = [list(studio.make(SMALL, backend, library))[-1] for _ in range(2)]
    assert kept[0].id == kept[1].id


def test_a_start_image_travels_and_the_receipt_names_it(url):
    picture = made(Local(url), SMALL.with_(init=png_bytes(colour()), strength=0.5))
    assert picture.receipt.sent["params"]["init"].startswith("sha256:")
    assert next(iter(picture.receipt.sent["images"].values())).startswith("sha256:")


def test_hires_fix_and_controlnet_work_together_and_are_counted(url):
    guide = Control(png_bytes(colour()), "lines", "invert", 0.7)
    params = SMALL.with_(hires_scale=1.5, hires_strength=0.7, hires_steps=4, control=(guide,))
    *events, picture = Local(url).generate(params)
    assert picture.image().size == (96, 96)
    assert {event.steps for event in events if event.steps} == {5}


def test_the_process_shows_what_its_preprocessors_make(url):
    sheet = Image.new("RGB", (64, 48), "white")
    sheet.paste("black", (8, 20, 56, 28))
    data = png_bytes(sheet)
    look = Local(url).preprocessed(data, "scribble")
    assert (look.size, look.getpixel((32, 24)), look.getpixel((2, 2))) == (
        (64, 48),
        (255, 255, 255),
        (0, 0, 0),
    )
    with pytest.raises(BackendRefused, match="no ControlNet module called 'sonar'"):
        Local(url).preprocessed(data, "sonar")


def test_the_times_of_all_passes_are_told_and_only_the_way_is_network(url):
    params = SMALL.with_(hires_scale=1.5, hires_strength=0.7, hires_steps=4)
    timing = made(Local(url), params).timing
    parts = [timing.queued, timing.network, timing.load, timing.sampling, timing.decode]
    assert all(part is not None for part in parts)
    assert sum(parts) <= timing.total
    assert timing.own > 0


def test_the_process_learns_which_pictures_are_one_owners_but_not_who_that_is():
    asker = ASKER.set(Asker("ann", "sweep"))
    with site({"*": sends({"detail": "no"}, 422)}) as served, pytest.raises(BackendRefused):
        made(Local(served.url), SMALL)
    ASKER.reset(asker)
    told = served.asked[-1].json()
    assert (told["group"], len(told["owner"])) == ("sweep", 16)
    assert "ann" not in told["owner"]


def test_raw_fields_change_what_is_sent(url):
    picture = made(Local(url), SMALL.with_(extra='{"steps": 2}'))
    assert picture.receipt.sent["params"]["steps"] == picture.receipt.applied["steps"] == 2


def test_what_the_process_refuses_is_said_in_its_words(url):
    with pytest.raises(BackendRefused, match="There are: alpha, beta"):
        made(Local(url), SMALL.with_(model="gamma"))


def test_closing_early_stops_the_job_and_the_next_one_runs(url):
    backend = Local(url)
    run = backend.generate(SMALL.with_(steps=150))
    next(event for event in run if event.step)
    run.close()
    assert isinstance(made(backend, SMALL), Picture)


def test_a_picture_that_is_there_is_not_cancelled_any_more(url, tmp_path):
    with older(url, KNOBS) as process:
        *_, kept = studio.make(SMALL, Local(process.url), Library(tmp_path))
    assert kept.params == SMALL
    assert not [path for path in process.paths() if path.endswith("/cancel")]


def test_pictures_at_once_are_the_pictures_alone(url):
    alone = [made(Local(url), SMALL.with_(seed=seed)).image() for seed in range(4)]
    together = [None] * 4

    def work(seed):
        together[seed] = made(Local(url), SMALL.with_(seed=seed)).image()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pairs = zip(alone, together, strict=True)
    assert (
        max(np.abs(np.asarray(one, int) - np.asarray(other, int)).max() for one, other in pairs)
        <= 1
    )


def test_it_enlarges_a_picture(url):
    assert Local(url).upscale(colour(size=32), 3, "Lanczos").size == (96, 96)
    with pytest.raises(BackendRefused, match="There are: Lanczos"):
        Local(url).upscale(colour(), 2, "ESRGAN")


def test_without_a_process_it_says_how_to_start_one():
    backend = Local(f"http://127.0.0.1:{free_port()}")
    told = backend.probe()
    assert (told.status, "python -m sdplay serve --model" in told.message) == ("down", True)
    with pytest.raises(BackendOffline, match="SDPLAY_LOCAL_URL"):
        made(backend, SMALL)


def test_something_else_at_the_address_is_told(url):
    told = Local(f"{url}/elsewhere").probe()
    assert (told.status, "Something else" in told.message) == ("down", True)


def test_a_process_that_falls_silent_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        backend = Local(f"http://127.0.0.1:{silent.getsockname()[1]}", silence=0.3)
        with pytest.raises(BackendBroken, match="within"):
            made(backend, SMALL)


def test_a_line_that_is_no_json_is_no_local_process(url):
    with pytest.raises(BackendBroken, match="no local process"):
        Local(url)._event(b"<html>")


def test_settings_that_fit_no_model_cost_nothing(url):
    with pytest.raises((BackendRefused, BadParams), match="Choose Euler"):
        made(Local(url), SMALL.with_(scheduler="flow_euler"))


def test_one_that_the_page_started_is_back_after_a_crash_and_its_queue_goes_on(tmp_path):
    process, address = LocalProcess(), f"http://127.0.0.1:{free_port()}"
    process.start(Launch(str(tiny_models() / "alpha"), "cpu"), address)
    backend, jobs = Local(address, process=process), Jobs(Library(tmp_path))
    assert made(backend, SMALL).model.startswith("alpha")
    first, *waiting = [jobs.submit(SMALL.with_(seed=seed, steps=150), backend) for seed in range(3)]
    until(lambda: first.progress.step)
    os.kill(process._child.pid, signal.SIGKILL)
    until(lambda: not any(job.active for job in (first, *waiting)), 100)
    assert "It was started anew. Make the picture again." in first.error
    assert [job.state for job in waiting] == ["done", "done"]
    process.stop()
    jobs.library.close()


def test_a_wrong_token_and_a_killed_process_are_sentences_and_the_next_process_works():
    process = Process(
        "--model", tiny_models() / "alpha", "--device", "cpu", "--token", "s3cret"
    ).ready()
    told = Local(process.url, "wrong").probe()
    assert (told.status, "SDPLAY_LOCAL_TOKEN" in told.message) == ("unauthorised", True)
    with pytest.raises(BackendRefused, match="SDPLAY_LOCAL_TOKEN"):
        made(Local(process.url, "wrong"), SMALL)
    backend = Local(process.url, "s3cret")
    run = backend.generate(SMALL.with_(steps=150))
    next(event for event in run if event.step)
    os.kill(process.running.pid, signal.SIGKILL)
    with pytest.raises(BackendBroken, match="broke off"):
        list(run)
    process.running.wait()
    assert backend.probe().status == "down"
    again = Process(
        "--model",
        tiny_models() / "alpha",
        "--device",
        "cpu",
        "--token",
        "s3cret",
        port=process.port,
    )
    again.ready()
    assert isinstance(made(backend, SMALL), Picture)
    again.end()
