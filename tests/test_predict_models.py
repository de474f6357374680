"""Cog and Replicate: predictions followed and cancelled, and what a model's own schema adds to the
form."""

import json
import threading
from itertools import count, groupby
from types import SimpleNamespace

import pytest
from fakes import Held, hanging_up, png, sends
from fakes_predict import SCHEMA, hosted
from test_predict import KEY, SMALL, backend, made

from sdplay.backends.predict import Predict
from sdplay.backends.predict.presets import endpoint
from sdplay.backends.predict.probe import EndpointReport
from sdplay.backends.predict.run import CLOSE_SECONDS
from sdplay.backends.predict.schema import ALIASES, read
from sdplay.errors import BackendError, BackendRefused, BadParams
from sdplay.http.call import Call
from sdplay.params import KNOBS
from sdplay.schedulers import OCTOAI, known
from tests.local_process import until


def schema(**properties):
    return {"components": {"schemas": {"Input": {"properties": properties}}}}


def test_a_cog_model_tells_its_schedulers_defaults_sizes_and_own_inputs():
    with hosted("cog") as fake:
        told = backend("cog", fake).probe()
    assert set(told.schedulers) == {known(name).id for name in OCTOAI}
    assert told.defaults == {
        "negative": "",
        "steps": 10,
        "cfg": 7.5,
        "scheduler": "dpmpp_2m",
        "width": 128,
        "height": 128,
    }
    assert (told.sizes, told.size_limits) == (
        ((128, 128), (512, 512), (512, 768), (64, 64)),
        (64, 512),
    )
    assert told.inputs == (
        {
            "name": "tile",
            "label": "Tile",
            "type": "boolean",
            "default": False,
            "help": "Make the edges meet",
        },
        {
            "name": "grain",
            "label": "Grain",
            "type": "number",
            "default": 0.25,
            "minimum": 0.0,
            "maximum": 1.0,
        },
    )


def test_what_the_schema_has_is_known_and_what_it_lacks_is_not_offered():
    with hosted("cog", schema=schema(prompt={"type": "string"}, seed={"type": "integer"})) as fake:
        told = backend("cog", fake).probe()
    assert told.features == {"seed", "payload", "cancel", "progress"}
    assert (told.unknown, told.schedulers) == (frozenset(), None)


def test_without_a_schema_the_usual_inputs_are_offered_but_not_promised():
    with hosted("cog", schema=None) as fake:
        told = backend("cog", fake).probe()
    assert "usual ones" in told.message
    assert {"negative", "seed", "steps", "cfg", "scheduler", "size"} == told.unknown


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cfg": 25}, "CFG scale must be between 1 and 20 for this model, not 25."),
        ({"width": 256}, "Width must be one of 64, 128, 512 for this model, not 256."),
        ({"scheduler": "unipc"}, "no scheduler called UniPC"),
    ],
)
def test_what_a_model_would_refuse_is_refused_before_it_is_sent(changes, sentence):
    with hosted("cog") as fake:
        with pytest.raises(BadParams, match=sentence):
            made(backend("cog", fake), SMALL.with_(**changes))
        assert fake.bodies() == []


def test_cog_gets_the_models_own_inputs_and_one_picture():
    with hosted("cog") as fake:
        made(backend("cog", fake), SMALL.with_(extra='{"grain": 0.5}'))
        assert fake.bodies()[0]["input"] == {
            "num_outputs": 1,
            "prompt": "a fox",
            "negative_prompt": "blur",
            "guidance_scale": 7.0,
            "num_inference_steps": 4,
            "seed": 7,
            "scheduler": "K_EULER",
            "width": 64,
            "height": 64,
            "grain": 0.5,
        }


def test_a_raw_field_that_the_model_lacks_is_said():
    with hosted("cog") as fake:
        receipt = made(backend("cog", fake), SMALL.with_(extra='{"grian": 0.5}')).receipt
    assert receipt.warnings == (
        "The model has no input called 'grian', so that raw payload field has no effect.",
    )


def test_the_seed_is_read_from_the_logs_and_the_time_from_the_metrics():
    with hosted("cog") as fake:
        picture = made(backend("cog", fake), SMALL)
    assert (picture.receipt.applied, picture.receipt.warnings) == (
        {"seed": 7, "width": 64, "height": 64},
        (),
    )
    assert (picture.timing.sampling, picture.timing.network > 0) == (0.0001, True)


def test_cog_shows_every_step_while_it_works():
    with hosted("cog", is_watched=True) as fake:
        *events, _ = backend("cog", fake).generate(SMALL.with_(steps=8))
        assert len(fake.running) == 0
    seen = [event.step for event in events if event.step]
    assert seen == sorted(seen)
    assert set(seen) == set(range(1, 8))


def test_a_model_that_could_draw_without_a_prompt_is_never_asked_with_an_empty_request():
    with hosted(
        "cog", step_seconds=0.05, schema=schema(prompt={"type": "string", "default": "a cat"})
    ) as fake:
        made(backend("cog", fake, fields='{"steps": "num_inference_steps", "seed": "seed"}'), SMALL)
        assert len(fake.bodies()) == 1


def test_closing_cancels_the_prediction_at_cog():
    with hosted("cog", step_seconds=0.1) as fake:
        events = backend("cog", fake).generate(SMALL.with_(steps=100))
        next(event for event in events if event.step)
        events.close()
        assert (len(set(fake.cancelled)), fake.running) == (1, {})


def test_a_failure_in_the_model_is_said_in_its_words():
    with (
        hosted("cog") as fake,
        pytest.raises(BackendRefused, match="could not make the picture: .*too hot. Change"),
    ):
        made(backend("cog", fake), SMALL.with_(prompt="raise"))


@pytest.mark.parametrize(
    ("health", "status", "sentence"),
    [
        ("READY", "ready", "is ready"),
        ("BUSY", "busy", "yours waits its turn"),
        ("STARTING", "starting", "still loading"),
        ("SETUP_FAILED", "down", "Look at its console"),
        ("DEFUNCT", "down", "Restart"),
        (None, "down", "no Cog server"),
    ],
)
def test_the_health_of_a_cog_server_is_told(health, status, sentence):
    with hosted("cog", health=health) as fake:
        told = backend("cog", fake).probe()
    assert (told.status, sentence in told.message) == (status, True)


def test_replicate_is_asked_for_the_latest_version_and_followed():
    with hosted("replicate", polls=4, key=KEY) as fake:
        fake.first = [held := Held(fake.make)]
        events = []
        for event in backend("replicate", fake, key=KEY).generate(SMALL):
            events.append(event)
            if getattr(event, "message", "") == "Sent to Replicate":
                held.let_go.set()
        picture = events.pop()
        assert fake.bodies()[0]["version"] == "someone/fox:abc123"
        assert [each["looks"] for each in fake.predictions.values()] == [4]
    # A slow answer repeats the last message.
    assert [message for message, _ in groupby(event.message for event in events)][1:] == [
        "Sent to Replicate",
        "Replicate is waiting for a machine",
        "Replicate is working",
        "Fetching the picture",
    ]
    assert {event.step for event in events if event.step} == {2}
    assert picture.timing.sampling == 1.5


def test_the_version_is_a_part_of_the_recipe_and_of_the_picture():
    with hosted("replicate") as fake:
        made_by = backend("replicate", fake)
        assert made(made_by, SMALL).model == "someone/fox:abc123"
        assert "someone/fox:abc123" in made_by.model_version(SMALL)


def test_an_official_model_at_replicate_goes_without_a_version():
    with hosted("replicate", official=True) as fake:
        made(backend("replicate", fake), SMALL)
        assert fake.bodies()[0]["version"] == "someone/fox"


@pytest.mark.parametrize(
    ("url", "base", "create", "version"),
    [
        ("someone/fox", "https://api.replicate.com/v1", "predictions", "someone/fox"),
        ("someone/fox:abc", "https://api.replicate.com/v1", "predictions", "someone/fox:abc"),
        (
            "https://replicate.com/someone/fox",
            "https://api.replicate.com/v1",
            "predictions",
            "someone/fox",
        ),
        (
            "https://replicate.com/someone/fox/versions/abc/api",
            "https://api.replicate.com/v1",
            "predictions",
            "someone/fox:abc",
        ),
        (
            "https://api.replicate.com/v1/models/someone/fox-1.5/predictions",
            "https://api.replicate.com/v1",
            "predictions",
            "someone/fox-1.5",
        ),
        (
            "http://h:1/v1/models/someone/fox/versions/abc",
            "http://h:1/v1",
            "predictions",
            "someone/fox:abc",
        ),
        (
            "http://h:1/v1/deployments/someone/mine",
            "http://h:1/v1",
            "deployments/someone/mine/predictions",
            None,
        ),
    ],
)
def test_a_model_at_replicate_can_be_named_in_every_usual_way(url, base, create, version):
    point = endpoint("replicate", url, "")
    assert (point.base, point.create, point.constants.get("version")) == (base, create, version)


def test_closing_cancels_the_prediction_at_replicate():
    with hosted("replicate", polls=1000) as fake:
        events = backend("replicate", fake).generate(SMALL)
        next(event for event in events if event.step)
        events.close()
        assert fake.cancelled == ["p0"]


def test_closing_before_replicate_answered_cancels_as_soon_as_it_does(monkeypatch):
    looks, wait = [], Call.wait

    def noted(call, seconds):
        looks.append(seconds)
        return wait(call, seconds)

    monkeypatch.setattr(Call, "wait", noted)
    with hosted("replicate", polls=1000) as fake:
        fake.first = [held := Held(fake.make)]
        events = backend("replicate", fake).generate(SMALL)
        next(event for event in events if event.message == "Sent to Replicate")
        closing = threading.Thread(target=events.close)
        closing.start()
        until(lambda: CLOSE_SECONDS in looks)
        held.let_go.set()
        closing.join()
        until(lambda: fake.cancelled == ["p0"])
    assert 0 not in looks, "it looks now and then, not all the time"


@pytest.mark.parametrize("fault", [sends({}, 502), sends({}, 429, Retry_After="0.01"), hanging_up])
def test_a_fault_while_looking_is_waited_out(fault):
    with hosted("replicate", looks=[fault, fault]) as fake:
        assert made(backend("replicate", fake), SMALL).image().size == (64, 64)
        assert len(fake.bodies()) == 1


def test_a_prediction_that_vanished_is_said_and_cancelled():
    with hosted("replicate", looks=[sends({"detail": "gone"}, 404)]) as fake:
        with pytest.raises(BackendRefused, match="404: gone"):
            made(backend("replicate", fake), SMALL)
        assert fake.cancelled == ["p0"]


@pytest.mark.parametrize(
    ("end", "told", "sentence"),
    [
        (
            "failed",
            {"error": "NSFW content detected."},
            "could not make the picture: NSFW content detected. Change",
        ),
        ("canceled", {}, "cancelled the picture"),
        ("succeeded", {"output": None}, "sent no picture"),
    ],
)
def test_how_a_prediction_ended_is_said(end, told, sentence):
    with (
        hosted("replicate", end=end, told=told) as fake,
        pytest.raises(BackendError, match=sentence),
    ):
        made(backend("replicate", fake), SMALL)


def test_a_prediction_that_never_ends_is_stopped(monkeypatch):
    clock = SimpleNamespace(monotonic=count(step=60).__next__, sleep=lambda seconds: None)
    with hosted("replicate", polls=10_000) as fake:
        made_by = backend("replicate", fake, seconds=200)
        made_by.probe()
        monkeypatch.setattr("sdplay.backends.predict.run.time", clock)
        with pytest.raises(BackendError, match="has not finished within 200 s, so it was stopped"):
            made(made_by, SMALL)
        assert fake.cancelled == ["p0"]


def test_an_id_that_is_no_id_is_not_followed():
    begun = sends({"id": "../../account", "status": "starting"}, 201)
    with (
        hosted("replicate", first=[begun]) as fake,
        pytest.raises(BackendRefused, match="without telling its id"),
    ):
        made(backend("replicate", fake), SMALL)


def test_a_model_that_replicate_does_not_know_is_down():
    with hosted("replicate") as fake:
        told = Predict("replicate", f"{fake.url}/models/nobody/none").probe()
    assert (told.status, "SDPLAY_PREDICT_URL" in told.message) == ("down", True)


def test_the_address_of_a_picture_at_replicate_gets_the_key_only_on_its_own_host():
    with hosted("replicate", key=KEY) as fake:
        assert made(backend("replicate", fake, key=KEY), SMALL).image().size == (64, 64)
        assert fake.asked[-1].path == "/v1/files/p0"


@pytest.mark.parametrize(
    ("theirs", "ours"), [(name, ours) for ours, names in ALIASES.items() for name in names]
)
def test_our_settings_are_found_under_every_name(theirs, ours):
    number = ours in KNOBS and KNOBS[ours].kind in (int, float)
    assert read(schema(**{theirs: {"type": "number" if number else "string"}})).fields == {
        ours: theirs
    }


@pytest.mark.parametrize("told", [{"type": "array"}, {"type": "boolean"}, {"type": "object"}])
@pytest.mark.parametrize("setting", ALIASES)
def test_an_input_of_another_kind_only_has_the_same_name(setting, told):
    assert read(schema(**{ALIASES[setting][0]: told})).fields == {}


@pytest.mark.parametrize(
    "told",
    [
        {"type": "integer", "minimum": 1, "maximum": 50, "default": 30},
        {"allOf": [{"$ref": "#/components/schemas/N"}], "default": 30},
        {"$ref": "#/components/schemas/N", "default": 30},
        {"type": ["integer", "null"], "minimum": 1, "maximum": 50, "default": 30},
        {"anyOf": [{"$ref": "#/components/schemas/N"}, {"type": "null"}], "default": 30},
    ],
)
def test_a_range_is_read_however_it_is_written(told):
    document = schema(steps=told)
    document["components"]["schemas"]["N"] = {"type": "integer", "minimum": 1, "maximum": 50}
    found = read(document)
    assert (found.limits(), found.defaults()) == ({"steps": (1, 50)}, {"steps": 30})


def test_a_secret_input_is_never_in_the_form():
    found = read(
        schema(
            prompt={"type": "string"},
            hf_token={"type": "string", "format": "password"},
            api={"type": "string", "x-cog-secret": True},
            note={"type": "string"},
        )
    )
    assert [entry["name"] for entry in found.own()] == ["note"]


def test_a_scheduler_of_the_models_own_stands_as_it_is():
    found = read(
        schema(scheduler={"enum": ["K_EULER", "DPMSolverMultistep", "DPMSolver++", "FancyNew"]})
    )
    assert found.schedulers == {
        "euler": "K_EULER",
        "dpmpp_2m": "DPMSolverMultistep",
        "DPMSolver++": "DPMSolver++",
        "FancyNew": "FancyNew",
    }


def test_a_default_outside_its_own_range_does_not_break_the_form():
    entry = read(
        schema(n={"type": "integer"}, x={"type": "number", "minimum": 2, "default": 1})
    ).own()
    assert entry == ({"name": "x", "label": "x", "type": "number", "default": 2, "minimum": 2},)


def test_numbers_written_as_text_are_chosen_as_they_are_written():
    with hosted(
        "cog", schema=schema(prompt={}, width={"enum": ["512", "768"]}, height={"enum": ["512"]})
    ) as fake:
        made_by = backend("cog", fake)
        assert made_by.probe().sizes == ((512, 512), (768, 512))
        assert made_by.payload(SMALL.with_(width=768, height=512))["input"]["width"] == "768"


def test_sizes_in_one_choice_become_sizes():
    with hosted("cog", schema=schema(prompt={}, size={"enum": ["512x512", "1024x768"]})) as fake:
        made_by = backend("cog", fake)
        assert made_by.probe().sizes == ((512, 512), (1024, 768))
        assert made_by.payload(SMALL.with_(width=1024, height=768))["input"]["size"] == "1024x768"
        with pytest.raises(BadParams, match="Size must be one of 512x512, 1024x768"):
            made_by.payload(SMALL)


def test_a_start_image_is_offered_where_the_model_takes_one():
    with hosted(
        "cog",
        schema=schema(
            prompt={}, image={"type": "string", "format": "uri"}, prompt_strength={"type": "number"}
        ),
    ) as fake:
        made_by = backend("cog", fake)
        sent = made_by.payload(SMALL.with_(init=png(), strength=0.5))["input"]
    assert (sent["image"][:22], sent["prompt_strength"]) == ("data:image/png;base64,", 0.5)


def test_no_schema_is_too_strange_to_read():
    hypothesis = pytest.importorskip("hypothesis", reason="hypothesis is in the dev extra")
    values = hypothesis.strategies.recursive(
        hypothesis.strategies.one_of(
            hypothesis.strategies.none(),
            hypothesis.strategies.booleans(),
            hypothesis.strategies.floats(),
            hypothesis.strategies.text(max_size=5),
        ),
        lambda inner: (
            hypothesis.strategies.lists(inner, max_size=3)
            | hypothesis.strategies.dictionaries(
                hypothesis.strategies.sampled_from(
                    [
                        "type",
                        "enum",
                        "default",
                        "minimum",
                        "maximum",
                        "$ref",
                        "allOf",
                        "anyOf",
                        "title",
                        "x-order",
                        "multipleOf",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    )
    names = hypothesis.strategies.sampled_from(
        ["prompt", "width", "height", "steps", "scheduler", "size", "odd", "n"]
    )

    @hypothesis.settings(max_examples=150, deadline=None)
    @hypothesis.given(hypothesis.strategies.dictionaries(names, values, max_size=6))
    def reads(properties):
        if found := read(schema(**properties)):
            told = EndpointReport(endpoint("cog", "http://h", ""), schema=found).capabilities()
            json.dumps(
                [
                    found.limits(),
                    found.ones,
                    told.inputs,
                    told.sizes,
                    told.schedulers,
                    dict(told.defaults),
                ]
            )

    reads()


def test_the_schema_in_the_tests_is_the_one_cog_made():
    found = read(SCHEMA)
    assert set(found.fields) == {
        "prompt",
        "negative",
        "steps",
        "cfg",
        "seed",
        "scheduler",
        "width",
        "height",
    }


def test_a_range_on_a_setting_of_words_is_left_alone():
    found = read(schema(prompt=None, width=None, scheduler={"enum": [0.0]}))
    told = EndpointReport(endpoint("cog", "http://h", ""), schema=found).capabilities()
    assert told.defaults["scheduler"] in told.schedulers
