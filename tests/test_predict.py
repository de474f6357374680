"""The predict backend against small real servers: every preset, every refusal, every way to send a
picture."""

import json
import os

import pytest
from fakes import FAULTS, Held, b64, bomb, dying, hanging_up, png, sends, site, stalled
from fakes_predict import KINDS, address, hosted

from sdplay.backends import FEATURES, kinds
from sdplay.backends.predict import Predict
from sdplay.backends.predict.answer import opened
from sdplay.backends.predict.presets import PRESETS, endpoint
from sdplay.errors import BackendBroken, BackendError, BackendOffline, BackendRefused, BadParams
from sdplay.http.wire import Reply, Wire
from sdplay.params import Params, image_name
from sdplay.picture import Picture, Progress
from sdplay.schedulers import OCTOAI, known
from tests.local_process import until

# Read here, because no test sees the settings of this machine.
LIVE = {
    name: os.environ.get(f"SDPLAY_PREDICT_{name.upper()}", "")
    for name in ("preset", "url", "key", "fields")
}
KEY = "sk-hunter22secret"
SMALL = Params(
    prompt="a fox", negative="blur", scheduler="euler", steps=4, seed=7, width=64, height=64
)
SQUARE = SMALL.with_(width=512, height=512)


def backend(preset, fake, **more):
    return Predict(preset, address(preset, fake), **{"pause": 0.02, "every": 0.02, **more})


def made(made_by, params):
    *_, last = made_by.generate(params)
    return last


def orders(fake):
    """The bodies that ask for a picture: an empty input only looks where a slow one is."""
    return [body for body in fake.bodies() if body != {"input": {}}]


@pytest.mark.parametrize("preset", KINDS)
def test_every_preset_makes_a_picture_and_shows_before_what_goes_out(preset):
    with hosted(preset) as fake:
        endpoint = backend(preset, fake)
        shown = json.loads(json.dumps(endpoint.payload(SMALL)))
        picture = made(endpoint, SMALL)
        assert isinstance(picture, Picture)
        assert picture.data.startswith(b"\x89PNG")
        assert orders(fake)[-1] == shown == picture.receipt.as_dict()["sent"]


@pytest.mark.parametrize("preset", KINDS)
def test_every_preset_asks_for_one_picture_once(preset):
    with hosted(preset) as fake:
        made(backend(preset, fake), SMALL)
        assert len(orders(fake)) == 1


@pytest.mark.parametrize("preset", KINDS)
def test_every_preset_tells_only_features_that_exist(preset):
    with hosted(preset) as fake:
        told = backend(preset, fake).probe()
        assert told.status == "ready"
        assert told.features | told.unknown <= FEATURES


def test_octoai_gets_its_six_fields():
    with hosted("octoai") as fake:
        made(backend("octoai", fake), SQUARE)
        assert fake.bodies() == [
            {
                "prompt": "a fox",
                "negative_prompt": "blur",
                "guidance_scale": 7.0,
                "num_inference_steps": 4,
                "solver": "K_EULER",
                "seed": 7,
            }
        ]


def test_octoai_offers_its_six_schedulers():
    with hosted("octoai") as fake:
        assert set(backend("octoai", fake).probe().schedulers) == {
            known(name).id for name in OCTOAI
        }


def test_a_scheduler_it_lacks_is_refused_before_anything_is_sent():
    with hosted("octoai") as fake:
        with pytest.raises(
            BadParams, match="no scheduler called DPM.. 2M Karras. It has: .*dpmpp_2m"
        ):
            made(backend("octoai", fake), SMALL.with_(scheduler="dpmpp_2m_karras"))
        assert fake.bodies() == []


def test_openai_images_get_their_size_in_one_field_and_no_scheduler():
    with hosted("openai-images") as fake:
        made(backend("openai-images", fake), SMALL.with_(width=128, model="sdxl"))
        assert fake.asked[-1].path == "/v1/images/generations"
        assert fake.bodies() == [
            {
                "n": 1,
                "response_format": "b64_json",
                "prompt": "a fox",
                "negative_prompt": "blur",
                "guidance_scale": 7.0,
                "num_inference_steps": 4,
                "seed": 7,
                "size": "128x64",
                "model": "sdxl",
            }
        ]


def test_hf_inference_gets_the_class_of_the_scheduler():
    with hosted("hf-inference") as fake:
        made(backend("hf-inference", fake), SMALL)
        assert (fake.bodies()[0]["inputs"], fake.bodies()[0]["parameters"]["scheduler"]) == (
            "a fox",
            "EulerDiscreteScheduler",
        )


def test_a_setting_without_a_field_is_not_offered_and_said():
    with hosted("octoai") as fake:
        endpoint = backend("octoai", fake)
        assert "size" not in endpoint.probe().features | endpoint.probe().unknown
        warnings = made(
            endpoint, SQUARE.with_(width=768, scheduler="ddim", eta=0.5)
        ).receipt.warnings
    assert {
        "Width has no effect here: this endpoint has no such setting.",
        "Eta has no effect here: this endpoint has no such setting.",
        "Size: the picture is 512×512, not 768×512.",
    } <= set(warnings)


@pytest.mark.parametrize(
    "answer",
    [
        {"image_0": b64(png())},
        {"image_0": f"data:image/png;base64,{b64(png())}"},
        [b64(png())],
        b64(png()),
        {"images": [{"url": "data:image/png;base64," + b64(png()), "seed": 7}]},
        {"data": [{"b64_json": b64(png())}]},
        {"output": f"data:image/png;base64,{b64(png())}"},
        {"artifacts": [{"base64": b64(png()), "seed": 7}]},
        {"completion": {"image_0": b64(png())}},
        {"data": {"outputs": [b64(png())]}},
    ],
)
def test_a_picture_is_found_wherever_it_stands(answer):
    with hosted("octoai", first=[sends(answer)]) as fake:
        assert made(backend("octoai", fake), SQUARE).data == png()


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "text/plain", ""])
def test_bytes_are_a_picture_whatever_they_are_called(kind):
    with hosted("octoai", first=[sends(png(), kind=kind)]) as fake:
        assert made(backend("octoai", fake), SQUARE).data == png()


def test_an_address_is_fetched_without_the_key():
    with site({"GET /a.png": sends(png(), kind="image/png")}) as elsewhere:
        with hosted("octoai", key=KEY, told={"image_0": f"{elsewhere.url}/a.png"}) as fake:
            assert made(backend("octoai", fake, key=KEY), SQUARE).data == png()
        assert [asked.headers.get("Authorization") for asked in elsewhere.asked] == [None]


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "SDPLAY_PREDICT_KEY"),
        (402, "no credit left"),
        (403, "SDPLAY_PREDICT_KEY"),
        (404, "SDPLAY_PREDICT_URL"),
        (413, "smaller start image"),
        (422, "steps: too many.*does not take one of the settings"),
        (500, "console"),
        (504, "too long"),
    ],
)
def test_a_refusal_is_explained_and_not_tried_again(status, sentence):
    body = {"detail": [{"loc": ["body", "input", "steps"], "msg": "too many"}]}
    with hosted("octoai", first=[sends(body, status)]) as fake:
        with pytest.raises(BackendRefused, match=sentence):
            made(backend("octoai", fake), SQUARE)
        assert len(fake.bodies()) == 1


NOT_NOW = {
    "busy": sends({"error": "At capacity"}, 409),
    "too many": sends({"detail": "slow down"}, 429, Retry_After="0.05"),
    "too many, with a date": sends({}, 429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"),
    "too many, said in words": sends({"detail": "Your limit resets in ~0.05s."}, 429),
    "loading": sends({"error": "Model is loading", "estimated_time": 0.05}, 503),
    "a page": sends("<html><title>Busy</title>", 503, "text/html"),
}


@pytest.mark.parametrize("answer", NOT_NOW.values(), ids=NOT_NOW)
def test_what_made_nothing_is_tried_again_with_a_countdown(answer):
    with hosted("octoai", first=[answer, answer]) as fake:
        *events, picture = backend("octoai", fake).generate(SQUARE)
        assert isinstance(picture, Picture)
        assert len(fake.bodies()) == 3
        assert picture.timing.queued > 0
    assert any("trying again (" in event.message and event.seconds_left for event in events)


def test_a_wait_of_an_hour_is_said_at_once():
    with hosted("octoai", first=[sends({}, 429, Retry_After="3600")]) as fake:
        with pytest.raises(BackendRefused, match="wants fewer requests") as caught:
            made(backend("octoai", fake), SQUARE)
        assert caught.value.retry_after == 3600


def test_nobody_listening_is_tried_a_few_times():
    events = []
    with pytest.raises(BackendOffline, match="does not answer at http://127.0.0.1:9"):
        events.extend(
            Predict("octoai", "http://127.0.0.1:9", pause=0.02, every=0.02).generate(SQUARE)
        )


@pytest.mark.parametrize(
    "fault", [stalled, dying, hanging_up], ids=["stalled", "dying", "hanging_up"]
)
def test_a_broken_line_is_never_tried_again_because_a_picture_may_have_been_charged(fault):
    with hosted("octoai", first=[fault]) as fake:
        with pytest.raises(BackendBroken):
            made(backend("octoai", fake, seconds=0.3), SQUARE)
        until(lambda: fake.bodies())  # a busy server may read it after its client has given up
        assert len(fake.bodies()) == 1


@pytest.mark.parametrize("name", sorted(set(FAULTS) - {"two_gigabytes"}))
def test_every_fault_ends_in_one_sentence(name):
    with hosted("octoai", first=[FAULTS[name]]) as fake:
        with pytest.raises(BackendError) as caught:
            made(backend("octoai", fake, seconds=2), SQUARE)
        assert str(caught.value).endswith((".", "?"))
        assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            {"status": "failed", "error": "CUDA out of memory"},
            "could not make the picture: CUDA out of memory",
        ),
        ({"status": "failed", "error": None, "logs": "ValueError: no"}, "ValueError: no"),
        ({"status": "canceled"}, "somebody stopped it there"),
        ({"error": "NSFW content detected"}, "NSFW content"),
        ({"status": "succeeded", "output": None}, "sent no picture"),
        ({}, "sent no picture"),
        ([], "sent no picture"),
        ({"image_0": 7}, "sent no picture"),
        ({"image_0": b64(b"hello, text")}, "is no picture"),
        ({"image_0": b64(png())[:-41]}, "is cut off"),
        ({"image_0": b64(bomb())}, "megapixels"),
    ],
)
def test_a_success_without_a_picture_is_a_failure(answer, sentence):
    with (
        hosted("octoai", first=[sends(answer)]) as fake,
        pytest.raises(BackendError, match=sentence),
    ):
        made(backend("octoai", fake), SQUARE)


def test_a_login_page_is_no_picture():
    sentence = "'Please sign in'.*address of its API"
    with (
        hosted("octoai", first=[FAULTS["login_page"]]) as fake,
        pytest.raises(BackendBroken, match=sentence),
    ):
        made(backend("octoai", fake), SQUARE)


def test_closing_in_a_countdown_asks_no_more():
    with hosted("octoai", first=[sends({}, 429, Retry_After="30")]) as fake:
        events = backend("octoai", fake).generate(SQUARE)
        assert next(event for event in events if event.seconds_left).seconds_left > 25
        events.close()
        assert len(fake.bodies()) == 1


def test_a_key_that_names_its_scheme_is_sent_as_it_stands():
    with hosted("octoai", key=f"Key {KEY}") as fake:
        assert made(backend("octoai", fake, key=f"Key {KEY}"), SQUARE)


def test_the_key_never_shows(monkeypatch):
    monkeypatch.setenv("SDPLAY_PREDICT_KEY", KEY)
    with hosted("octoai", key="another") as fake:
        endpoint = backend("octoai", fake)
        with pytest.raises(BackendRefused, match="Invalid token") as caught:
            made(endpoint, SQUARE)
        told = [
            str(caught.value),
            repr(endpoint.probe()),
            json.dumps(endpoint.payload(SQUARE)),
            repr(endpoint.wire),
        ]
    assert [KEY in each for each in told] == [False] * len(told)


def test_the_key_never_shows_in_a_receipt():
    with hosted("octoai", key=KEY) as fake:
        picture = made(
            backend("octoai", fake, key=KEY), SQUARE.with_(extra=json.dumps({"note": f"my {KEY}"}))
        )
    assert picture.receipt.sent["note"] == "my •••"
    assert KEY not in json.dumps(picture.receipt.as_dict())


def test_without_an_address_the_probe_says_what_to_set():
    told = kinds()["predict"]().probe()
    assert told.status == "down"
    assert told.message.startswith(
        "No hosted endpoint is set up: put its address into SDPLAY_PREDICT_URL"
    )


def test_without_an_address_a_picture_is_refused_with_the_same_sentence():
    with pytest.raises(BackendOffline, match="SDPLAY_PREDICT_URL"):
        made(Predict(), SMALL)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"PRESET": "dalle"}, "SDPLAY_PREDICT_PRESET must be one of octoai, cog"),
        ({"FIELDS": "{steps"}, "SDPLAY_PREDICT_FIELDS is not valid JSON"),
        ({"FIELDS": '{"steps": 3}'}, "must map our settings to field names or null"),
        ({"FIELDS": '{"stepz": "n"}'}, "'stepz', which is none of our settings"),
        ({"PRESET": "replicate"}, "must name a model at Replicate"),
        ({"PRICE": "cheap"}, "SDPLAY_PREDICT_PRICE must be a number of US dollars, not 'cheap'"),
        ({"PRICE": "nan"}, "must be a number of US dollars"),
    ],
)
def test_a_wrong_setting_is_explained_and_never_raises_in_the_probe(
    monkeypatch, settings, sentence
):
    monkeypatch.setenv("SDPLAY_PREDICT_URL", "http://user:secret@127.0.0.1:9/")
    for name, value in settings.items():
        monkeypatch.setenv(f"SDPLAY_PREDICT_{name}", value)
    told = Predict().probe()
    assert (told.status, sentence in told.message, "secret" in told.message) == (
        "down",
        True,
        False,
    )


def test_fields_are_renamed_added_and_taken_out():
    fields = (
        '{"steps": "n_steps", "width": "w", "height": "h", "negative": null, "eta": "sampling.eta"}'
    )
    with hosted("octoai") as fake:
        endpoint = backend("octoai", fake, fields=fields)
        assert ("size" in endpoint.probe().features, "negative" in endpoint.probe().features) == (
            True,
            False,
        )
        picture = made(endpoint, SMALL.with_(scheduler="ddim", eta=0.5))
        assert fake.bodies() == [
            {
                "prompt": "a fox",
                "guidance_scale": 7.0,
                "n_steps": 4,
                "solver": "DDIM",
                "seed": 7,
                "w": 64,
                "h": 64,
                "sampling": {"eta": 0.5},
            }
        ]
    assert (
        "Negative prompt has no effect here: this endpoint has no such setting."
        in picture.receipt.warnings
    )


def test_raw_payload_fields_go_to_the_inputs_or_over_the_whole():
    with hosted("cog", schema=None) as fake:
        endpoint = backend("cog", fake)
        assert endpoint.payload(SMALL.with_(extra='{"tile": true}'))["input"]["tile"] is True
        whole = endpoint.payload(SMALL.with_(extra='{"input": {"seed": 8}, "context": {"a": "b"}}'))
    assert (whole["input"]["seed"], whole["input"]["prompt"]) == (8, "a fox")


def test_what_raw_payload_fields_replace_is_said():
    with hosted("octoai") as fake:
        warnings = made(
            backend("octoai", fake), SQUARE.with_(extra='{"num_inference_steps": 9}')
        ).receipt.warnings
    assert "Raw payload fields replaced Steps: 9 instead of 4." in warnings


def test_an_endpoint_that_reports_nothing_is_said():
    with hosted("octoai") as fake:
        receipt = made(backend("octoai", fake), SQUARE).receipt
    assert receipt.applied == {"width": 512, "height": 512}
    assert receipt.warnings == (
        "The endpoint does not report what it applied, so only the picture's size could be "
        "checked.",
    )


def test_another_seed_than_asked_is_said():
    with hosted("octoai", told={"seed": 12}) as fake:
        receipt = made(backend("octoai", fake), SQUARE).receipt
    assert (receipt.applied["seed"], receipt.warnings) == (
        12,
        ("Seed: the endpoint used 12 instead of 7.",),
    )


def test_what_a_picture_says_of_itself_is_compared():
    text = "a fox\nSteps: 9, Sampler: Euler a, CFG scale: 7.0, Seed: 7, Size: 512x512"
    with hosted("octoai", told={"image_0": b64(png((512, 512), text=text))}) as fake:
        receipt = made(backend("octoai", fake), SQUARE).receipt
    assert set(receipt.warnings) == {
        "Steps: the endpoint used 9 instead of 4.",
        "Scheduler: the endpoint used Euler a instead of Euler.",
    }


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (
            {"images": [b64(png((512, 512)))] * 3, "image_0": None},
            "made 3 pictures; the first one is kept",
        ),
        ({"image_0": b64(png((256, 512)))}, "Size: the picture is 256×512, not 512×512"),
        ({"has_nsfw_concepts": [True]}, "content filter struck"),
        ({"finish_reason": "CONTENT_FILTERED"}, "content filter struck"),
        ({"image_0": b64(png((512, 512), "black"))}, "all black"),
        ({"input": {"guidance_scale": 5.0}}, "CFG scale: the endpoint took 5.0 instead of 7.0"),
    ],
)
def test_what_came_back_otherwise_is_said(told, sentence):
    fields = '{"width": "width", "height": "height"}'
    with hosted("octoai", told=told) as fake:
        warnings = made(backend("octoai", fake, fields=fields), SQUARE).receipt.warnings
    assert [sentence in said for said in warnings].count(True) == 1


def test_a_start_image_goes_as_a_data_uri_and_is_named_in_the_receipt():
    fields = '{"init": "image", "strength": "strength"}'
    with hosted("octoai") as fake:
        endpoint = backend("octoai", fake, fields=fields)
        receipt = made(endpoint, SQUARE.with_(init=png(), strength=0.4)).receipt
        assert fake.bodies()[0]["image"] == f"data:image/png;base64,{b64(png())}"
        assert "img2img" in endpoint.probe().features
    assert (receipt.sent["image"], receipt.sent["strength"]) == (image_name(png()), 0.4)


def test_without_a_start_image_its_strength_is_left_out():
    with hosted("octoai") as fake:
        body = backend("octoai", fake, fields='{"init": "image", "strength": "strength"}').payload(
            SQUARE
        )
    assert {"image", "strength"} & set(body) == set()


@pytest.mark.parametrize("preset", KINDS)
def test_a_refused_key_is_unauthorised(preset):
    with hosted(preset, key=KEY) as fake:
        told = backend(preset, fake).probe()
    assert (told.status, "SDPLAY_PREDICT_KEY" in told.message) == ("unauthorised", True)


@pytest.mark.parametrize("preset", KINDS)
def test_nobody_there_is_down_with_a_sentence(preset):
    url = "http://127.0.0.1:9/v1/models/a/b" if preset == "replicate" else "http://127.0.0.1:9"
    told = Predict(preset, url).probe()
    assert (told.status, "does not answer at http://127.0.0.1:9" in told.message) == ("down", True)


def test_the_recipe_names_the_endpoint():
    with hosted("octoai") as one, hosted("octoai") as other:
        assert backend("octoai", one).model_version(SMALL) != backend(
            "octoai", other
        ).model_version(SMALL)


@pytest.mark.parametrize(
    ("preset", "url", "base", "create"),
    [
        ("openai-images", "http://h:1", "http://h:1/v1", "images/generations"),
        ("openai-images", "http://h:1/v1/", "http://h:1/v1/", "images/generations"),
        (
            "openai-images",
            "http://h:1/v1/images/generations",
            "http://h:1/v1",
            "images/generations",
        ),
        ("openai-images", "https://h/openai/v1", "https://h/openai/v1", "images/generations"),
        ("cog", "http://h:1/predictions", "http://h:1", "predictions/{id}"),
        (
            "hf-inference",
            "stabilityai/sdxl-turbo",
            f"{PRESETS['hf-inference'].home}/stabilityai/sdxl-turbo",
            "",
        ),
        ("hf-inference", "https://h/models/x", "https://h/models/x", ""),
        ("octoai", "https://h/generate/sd?v=2", "https://h/generate/sd?v=2", ""),
    ],
)
def test_an_address_is_understood_with_and_without_its_end(preset, url, base, create):
    point = endpoint(preset, url, "")
    assert (point.base, point.create) == (base, create)


def test_progress_comes_before_the_picture():
    held = Held(sends({"image_0": b64(png())}))
    with hosted("octoai", first=[held]) as fake:
        events = backend("octoai", fake).generate(SQUARE)
        working = next(event for event in events if "is working" in event.message)
        held.let_go.set()
        *later, _ = events
    assert working.message.startswith("The endpoint is working")
    assert all(isinstance(event, Progress) for event in later)


def test_closing_while_the_picture_is_fetched_does_not_wait_for_it():
    held = Held(sends(png(), kind="image/png"))
    with (
        site({"GET /a.png": held}) as elsewhere,
        hosted("octoai", told={"image_0": f"{elsewhere.url}/a.png"}) as fake,
    ):
        events = backend("octoai", fake).generate(SQUARE)
        next(event for event in events if event.message == "Fetching the picture")
        next(events)
        events.close()
        assert not held.answered
        held.let_go.set()


def test_what_nobody_could_ask_for_is_not_said_to_be_asked():
    with hosted("openai-images") as fake:
        asked = made(
            backend("openai-images", fake), SMALL.with_(scheduler="dpmpp_2m_karras")
        ).receipt.asked
    assert set(asked) == {"prompt", "negative", "steps", "cfg", "seed", "width", "height"}


def test_no_answer_is_too_strange_to_read():
    hypothesis = pytest.importorskip("hypothesis", reason="hypothesis is in the dev extra")
    values = hypothesis.strategies
    words = [
        "status",
        "output",
        "error",
        "detail",
        "images",
        "data",
        "url",
        "seed",
        "logs",
        "input",
        "metrics",
        "predict_time",
        "has_nsfw_concepts",
        "message",
        "b64_json",
    ]
    plain = (
        values.none()
        | values.booleans()
        | values.floats()
        | values.integers()
        | values.text(max_size=9)
    )
    some = values.recursive(
        plain,
        lambda inner: (
            values.lists(inner, max_size=3)
            | values.dictionaries(values.sampled_from(words), inner, max_size=4)
        ),
        max_leaves=9,
    )

    @hypothesis.settings(max_examples=200, deadline=None)
    @hypothesis.given(some)
    def reads(value):
        try:
            answer = opened(
                Reply(200, {}, json.dumps(value).encode()),
                Wire("http://h", label="It", setting="X"),
            )
        except BackendError:
            return
        answer.reported(png())
        assert (answer.filtered(), answer.working, answer.echoed({"seed": "seed"})) is not None

    reads()


@pytest.mark.skipif(not LIVE["url"], reason="SDPLAY_PREDICT_URL names no hosted endpoint")
def test_a_live_endpoint_makes_a_picture():
    backend = Predict(**LIVE)
    told = backend.probe()
    assert told.status in ("ready", "busy")
    assert isinstance(
        made(backend, Params(**{**told.defaults, "prompt": "a fox", "seed": 7})), Picture
    )
