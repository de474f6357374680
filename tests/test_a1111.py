"""The a1111 backend against real servers on sockets: every dialect, every request judged by A1111's
own schema."""

import base64
import io
import json
import os
import re
import threading
import time
from pathlib import Path

import pytest
from fakes import FAULTS, a1111, b64, broken, hanging_up, nothing, png, sends, site, stalled
from PIL import Image

from sdplay.backends import FEATURES
from sdplay.backends.a1111 import A1111, extras, probe, progress
from sdplay.backends.a1111.dialects import DIALECTS, Names, request
from sdplay.errors import BackendBroken, BackendError, BackendOffline, BackendRefused, BadParams
from sdplay.params import Control, Params, image_name
from sdplay.picture import Enlargement, Picture, Progress
from sdplay.schedulers import SCHEDULERS
from tests.local_process import until
from tests.making import colour

# Read here, because no test sees the settings of this machine.
LIVE_URL, LIVE_AUTH = (
    os.environ.get("SDPLAY_A1111_URL", ""),
    os.environ.get("SDPLAY_A1111_AUTH", ""),
)
SCHEMA = json.loads((Path(__file__).parent / "data" / "a1111_openapi.json").read_text())
SMALL = Params(prompt="a fox", steps=4, width=64, height=64, seed=7)
UNIT = Control(png(), "canny [abc]", "canny", 0.8, 0.1, 0.9, "My prompt is more important")
EVERYTHING = {
    "plain": {},
    "negative": {"negative": "blurry"},
    "start": {"init": png(), "strength": 0.4},
    "mask": {"init": png(), "mask": png(colour="white"), "mask_blur": 8},
    "model": {"model": "other.safetensors [1234567890]"},
    "clip skip": {"clip_skip": 2},
    "hires": {"hires_scale": 2.0, "hires_steps": 3, "hires_strength": 0.4},
    "refiner": {"refiner": "other.safetensors", "refiner_at": 0.7},
    "styles": {"styles": "watercolour | ink"},
    "variation": {"variation_seed": 3, "variation_strength": 0.2},
    "eta": {"eta": 0.5, "scheduler": "ddim"},
    "controlnet": {"control": (UNIT, UNIT)},
    "extra": {"extra": '{"tiling": true, "batch_size": 1}'},
    "start with hires": {"init": png(), "hires_scale": 2.0},
}
"""Every kind of request that the form can lead to."""


def made(backend, params):
    return list(backend.generate(params))[-1]


def judge(body, name=""):
    """Holds a request against A1111's own schema, and allows no field that it does not know."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is in the dev extra")
    name = name or f"StableDiffusionProcessing{'Img2Img' if 'init_images' in body else 'Txt2Img'}"
    jsonschema.validate(
        body, {"$ref": f"#/components/schemas/{name}", "components": SCHEMA["components"]}
    )
    assert set(body) <= set(SCHEMA["components"]["schemas"][name]["properties"])


@pytest.mark.parametrize("changes", EVERYTHING.values(), ids=EVERYTHING)
def test_every_request_fits_the_schema(changes):
    with a1111(extras=("tasks", "openapi", "controlnet")) as fake:
        made(A1111(fake.url), SMALL.with_(**changes))
        judge(fake.requests()[0])


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_fits_the_schema(name):
    judge(request(SMALL.with_(scheduler=name), DIALECTS["a1111"], Names()))


@pytest.mark.parametrize("changes", EVERYTHING.values(), ids=EVERYTHING)
def test_what_is_shown_before_is_what_goes_out(changes):
    with a1111(extras=("tasks", "controlnet")) as fake:
        backend, params = A1111(fake.url), SMALL.with_(**changes)
        shown = json.loads(json.dumps(backend.payload(params)))
        made(backend, params)
        assert fake.requests() == [shown]


@pytest.mark.parametrize(
    "dialect",
    ["a1111", "a1111_old", "forge", "sdnext", "sdcpp", "koboldcpp", "draw_things", "bare"],
)
@pytest.mark.parametrize("changes", EVERYTHING.values(), ids=EVERYTHING)
def test_every_dialect_makes_every_kind_of_picture(dialect, changes):
    with a1111(dialect=dialect, extras=("controlnet",)) as fake:
        picture = made(A1111(fake.url), SMALL.with_(**changes))
        assert isinstance(picture, Picture)
        assert picture.data.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "dialect", ["a1111", "a1111_old", "forge", "sdnext", "sdcpp", "koboldcpp", "draw_things"]
)
def test_every_dialect_is_recognised(dialect):
    with a1111(
        dialect=dialect,
        samplers=("DPM++ 2M Karras", "Euler a") if dialect == "a1111_old" else ("Euler a",),
    ) as fake:
        told = A1111(fake.url).probe()
        assert DIALECTS[dialect].label in told.message
        assert told.status == "ready"
        assert told.features | told.unknown <= FEATURES


def test_a_plain_picture_is_sent_as_a1111_wants_it():
    with a1111() as fake:
        made(A1111(fake.url), SMALL)
        assert fake.requests() == [
            {
                "prompt": "a fox",
                "negative_prompt": "",
                "steps": 4,
                "cfg_scale": 7.0,
                "seed": 7,
                "width": 64,
                "height": 64,
                "subseed_strength": 0.0,
                "tiling": False,
                "restore_faces": False,
                "styles": [],
                "sampler_name": "DPM++ 2M",
                "scheduler": "karras",
                "override_settings": {"CLIP_stop_at_last_layers": 1},
            }
        ]


@pytest.mark.parametrize(("eta", "fields"), [(None, {}), (0, {"eta": 0.0}), (0.5, {"eta": 0.5})])
def test_eta_goes_out_as_asked_and_the_samplers_own_is_left_open(eta, fields):
    body = request(SMALL.with_(scheduler="euler_a", eta=eta), DIALECTS["a1111"], Names())
    assert {name: body[name] for name in body if name == "eta"} == fields


def test_what_the_server_has_an_opinion_about_can_be_left_to_it():
    own = SMALL.with_(clip_skip="own", vae="own", scheduler="euler_a", eta="own")
    body = request(own, DIALECTS["a1111"], Names())
    assert {"eta", "override_settings"} & set(body) == set()


def test_a_vae_of_the_servers_list_is_chosen_by_an_override():
    with a1111() as fake:
        backend = A1111(fake.url)
        assert backend.probe().vaes == ("Automatic", "None", "fine.vae.pt")
        receipt = made(backend, SMALL.with_(vae="fine.vae.pt", tiling=True)).receipt
        body = fake.requests()[0]
    assert (body["override_settings"]["sd_vae"], body["tiling"]) == ("fine.vae.pt", True)
    assert (receipt.applied["vae"], receipt.applied["tiling"]) == ("fine.vae.pt", True)
    assert receipt.warnings == ()


def test_a_vae_that_was_not_taken_is_said():
    with a1111() as fake, site() as served:
        silent = {"GET /sdapi/v1/sd-vae": nothing}
        served.routes.update(fake.routes() | silent)
        warnings = made(A1111(served.url), SMALL.with_(vae="gone.pt")).receipt.warnings
    assert "VAE: the server does not mention it, so it was probably not applied." in warnings


def test_raw_overrides_and_scripts_do_not_push_out_what_was_built():
    extra = {
        "override_settings": {"sd_vae": "fine.vae.pt"},
        "alwayson_scripts": {"ADetailer": {"args": [True]}},
    }
    params = SMALL.with_(model="a", clip_skip=2, control=(UNIT,), extra=json.dumps(extra))
    body = request(params, DIALECTS["a1111"], Names())
    assert body["override_settings"] == {
        "sd_model_checkpoint": "a",
        "CLIP_stop_at_last_layers": 2,
        "sd_vae": "fine.vae.pt",
    }
    assert set(body["alwayson_scripts"]) == {"controlnet", "ADetailer"}


def test_a_raw_override_of_one_of_our_settings_is_said():
    extra = '{"override_settings": {"CLIP_stop_at_last_layers": 3}}'
    with a1111() as fake:
        warnings = made(A1111(fake.url), SMALL.with_(clip_skip=2, extra=extra)).receipt.warnings
    assert warnings == ("Raw payload fields replaced Clip skip: 3 instead of 2.",)


def test_a_schedule_type_that_a_sampler_overlooks_is_not_offered_and_said():
    with a1111() as fake:
        backend = A1111(fake.url)
        offered = backend.probe().schedulers
        warnings = made(backend, SMALL.with_(scheduler="unipc_karras")).receipt.warnings
    assert "unipc_karras" not in offered
    assert not any(name.startswith(("DDIM ", "PLMS ", "UniPC ")) for name in offered)
    assert any("UniPC takes no notice of the schedule type karras" in said for said in warnings)


@pytest.mark.parametrize(
    ("dialect", "scheduler", "sent"),
    [
        ("a1111", "dpmpp_2m", ("DPM++ 2M", "uniform")),
        ("a1111", "euler_a", ("Euler a", None)),
        ("a1111", "pndm", ("PLMS", None)),
        ("a1111_old", "dpmpp_2m_karras", ("DPM++ 2M Karras", None)),
        ("sdnext", "lms", ("LMSD", None)),
        ("sdcpp", "dpmpp_2m_karras", ("dpm++2m", "karras")),
        ("sdcpp", "ddim", ("ddim_trailing", "discrete")),
    ],
)
def test_a_scheduler_is_called_what_each_dialect_calls_it(dialect, scheduler, sent):
    body = request(
        SMALL.with_(scheduler=scheduler), DIALECTS[dialect], Names(DIALECTS[dialect].naming)
    )
    assert (body["sampler_name"], body.get("scheduler")) == sent


def test_a_name_the_server_lists_is_preferred():
    names = Names("a1111", ("Euler a", "DPM++ 2M Karras"), None)
    assert names.spoken("dpmpp_2m_karras") == ("DPM++ 2M Karras", "")


def test_a_schedule_type_of_the_server_can_be_named_with_its_sampler():
    names = Names(
        "a1111", ("Euler", "DPM++ 3M SDE"), {"sgm_uniform": "SGM Uniform", "karras": "Karras"}
    )
    assert names.spoken("DPM++ 3M SDE SGM Uniform") == ("DPM++ 3M SDE", "sgm_uniform")
    assert names.understood() == (
        "euler",
        "euler_karras",
        "DPM++ 3M SDE",
        "Euler SGM Uniform",
        "DPM++ 3M SDE SGM Uniform",
        "DPM++ 3M SDE Karras",
    )


def test_draw_things_gets_its_own_field_names_and_all_of_them():
    with a1111(dialect="draw_things") as fake:
        made(A1111(fake.url), SMALL.with_(model="sd15.ckpt", init=png(), strength=0.4))
        body = fake.requests()[0]
    assert {"cfg_scale", "sampler_name", "denoising_strength"} & set(body) == set()
    assert (body["guidance_scale"], body["sampler"], body["strength"]) == (
        7.0,
        "DPM++ 2M Karras",
        0.4,
    )
    assert (body["model"], body["batch_count"], body["hires_fix"], body["clip_skip"]) == (
        "sd15.ckpt",
        1,
        False,
        1,
    )


def test_forge_gets_what_its_hires_fix_needs():
    with a1111(dialect="forge") as fake:
        made(A1111(fake.url), SMALL.with_(hires_scale=2.0, cfg=5.0))
        body = fake.requests()[0]
    assert (body["hr_additional_modules"], body["hr_cfg"]) == (["Use same choices"], 5.0)


def test_stable_diffusion_cpp_gets_its_own_name_for_hires_steps():
    with a1111(dialect="sdcpp") as fake:
        made(A1111(fake.url), SMALL.with_(hires_scale=2.0, hires_steps=3))
        assert fake.requests()[0]["hr_steps"] == 3


@pytest.mark.parametrize("dialect", ["sdcpp", "koboldcpp", "draw_things"])
def test_clip_skip_is_a_field_of_its_own_where_it_must(dialect):
    body = request(SMALL.with_(clip_skip=2), DIALECTS[dialect], Names())
    assert (body["clip_skip"], "override_settings" in body) == (2, False)


def test_what_a_dialect_ignores_is_left_out_and_said():
    with a1111(dialect="sdcpp") as fake:
        warnings = made(
            A1111(fake.url), SMALL.with_(styles="ink", variation_strength=0.1)
        ).receipt.warnings
        assert {"styles", "subseed"} & set(fake.requests()[0]) == set()
    assert sum("stable-diffusion.cpp does not know it" in said for said in warnings) == 2


def test_hires_with_a_start_image_is_left_out_and_said():
    with a1111() as fake:
        picture = made(A1111(fake.url), SMALL.with_(init=png(), hires_scale=2.0))
    assert (
        "Hires fix does not work with a start image: it was left out." in picture.receipt.warnings
    )


def test_a_start_image_of_another_shape_keeps_its_aspect():
    tall = Image.new("RGB", (64, 128), "red")
    tall.paste("blue", (0, 0, 64, 32))
    held = io.BytesIO()
    tall.save(held, "WEBP", lossless=True)
    with a1111() as fake:
        made(A1111(fake.url), SMALL.with_(init=held.getvalue()))
        sent = Image.open(io.BytesIO(base64.b64decode(fake.requests()[0]["init_images"][0])))
    assert (sent.size, sent.getpixel((32, 4))) == ((64, 64), (255, 0, 0))


def test_a_start_image_that_fits_goes_out_untouched():
    with a1111() as fake:
        made(A1111(fake.url), SMALL.with_(init=png()))
        assert fake.requests()[0]["init_images"] == [b64(png())]


def test_a_broken_start_image_is_refused_before_anything_is_sent():
    with a1111() as fake, pytest.raises(BadParams, match="Start image is no picture"):
        made(A1111(fake.url), SMALL.with_(init=b"not a picture"))
    assert fake.requests() == []


def test_the_receipt_names_pictures_instead_of_carrying_them():
    with a1111(extras=("controlnet",)) as fake:
        sent = made(A1111(fake.url), SMALL.with_(init=png(), control=(UNIT,))).receipt.sent
    assert sent["init_images"] == [image_name(png())]
    assert sent["alwayson_scripts"]["controlnet"]["args"][0]["image"] == image_name(png())


def test_raw_fields_are_laid_over_and_null_takes_one_out():
    with a1111() as fake:
        picture = made(
            A1111(fake.url),
            SMALL.with_(extra='{"steps": 9, "tiling": true, "negative_prompt": null}'),
        )
        body = fake.requests()[0]
    assert (body["steps"], body["tiling"], "negative_prompt" in body) == (9, True, False)
    assert "Raw payload fields replaced Steps: 9 instead of 4." in picture.receipt.warnings


def test_a_faithful_server_leaves_no_warning():
    with a1111() as fake:
        receipt = made(A1111(fake.url), SMALL).receipt
    assert receipt.warnings == ()
    assert receipt.asked.keys() == receipt.applied.keys() - {"model", "clip_skip"}
    assert receipt.applied == {
        "prompt": SMALL.prompt,
        "steps": 4,
        "cfg": 7.0,
        "seed": 7,
        "width": 64,
        "height": 64,
        "model": "v1-5",
        "clip_skip": 1,
        "scheduler": "dpmpp_2m_karras",
    }


@pytest.mark.parametrize("changes", EVERYTHING.values(), ids=EVERYTHING)
def test_nothing_applied_as_asked_is_warned_about(changes):
    changes = {
        name: value for name, value in changes.items() if name not in ("extra", "hires_steps")
    }
    with a1111(extras=("controlnet",)) as fake:
        params = SMALL.with_(**changes)
        warnings = made(A1111(fake.url), params).receipt.warnings
    assert [said for said in warnings if "left out" not in said and "Size" not in said] == []


@pytest.mark.parametrize(
    ("report", "warning"),
    [
        (
            {"sampler": "Euler a", "schedule": "Automatic"},
            "Scheduler: the server used Euler a instead of DPM++ 2M Karras.",
        ),
        (
            {"schedule": "Exponential"},
            "Scheduler: the server used DPM++ 2M Exponential instead of DPM++ 2M Karras.",
        ),
        ({"seed": 99}, "Seed: the server used 99 instead of 7."),
        ({"steps": 3}, "Steps: the server used 3 instead of 4."),
        ({"cfg_scale": 1.5}, "CFG scale: the server used 1.5 instead of 7."),
        ({"width": 128}, "Size: the picture is 128×64, not 64×64."),
        (
            {"model": "wrong.safetensors [ffff]"},
            "Model: the server used wrong instead of v1-5.safetensors [6ce0161689].",
        ),
    ],
)
def test_whatever_the_server_replaced_becomes_a_sentence(report, warning):
    with a1111(report=report) as fake:
        picture = made(A1111(fake.url), SMALL.with_(model="v1-5.safetensors [6ce0161689]"))
    assert warning in picture.receipt.warnings


def test_an_unknown_sampler_that_was_replaced_is_told():
    with a1111() as fake:
        picture = made(A1111(fake.url), SMALL.with_(scheduler="Nope"))
    assert picture.receipt.warnings == ("Scheduler: the server used DPM++ 2M instead of Nope.",)
    assert picture.receipt.applied["scheduler"] != "Nope"


def test_a_setting_the_server_never_mentions_is_doubted():
    text = (
        "a fox\nSteps: 4, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: "
        "7, Size: 64x64, Version: 1"
    )
    with a1111(told={"info": json.dumps({"infotexts": [text], "all_seeds": [7]})}) as fake:
        warnings = made(A1111(fake.url), SMALL.with_(clip_skip=2)).receipt.warnings
    assert warnings == (
        "Clip skip: the server does not mention it, so it was probably not applied.",
    )


@pytest.mark.parametrize("info", ["", None, {}, [], "not json", '"text"', 7])
def test_a_missing_info_is_read_from_the_picture(info):
    with a1111(told={"info": info}) as fake:
        receipt = made(A1111(fake.url), SMALL).receipt
    assert (receipt.applied["seed"], receipt.applied["scheduler"], receipt.warnings) == (
        7,
        "dpmpp_2m_karras",
        (),
    )


def test_a_server_that_reports_nothing_says_so():
    with a1111(told={"info": "", "images": [b64(png())]}) as fake:
        assert "does not report what it applied" in made(A1111(fake.url), SMALL).receipt.warnings[0]


def test_the_text_of_stable_diffusion_cpp_is_understood():
    text = (
        "a fox\nSteps: 4, CFG scale: 7.000000, Guidance: 3.5, Seed: 7, Size: 64x64, Model: "
        "sd15, RNG: cuda, "
        'Sampler: dpm++2m karras, Version: stable-diffusion.cpp, SDCPP: {"a": [1, 2], "seed": 5}'
    )
    with a1111(dialect="sdcpp", told={"info": "", "images": [b64(png(text=text))]}) as fake:
        receipt = made(A1111(fake.url), SMALL).receipt
    assert (receipt.applied["seed"], receipt.applied["scheduler"], receipt.warnings) == (
        7,
        "dpmpp_2m_karras",
        (),
    )


def test_a_grid_in_front_and_guide_pictures_behind_are_not_taken():
    pictures = [b64(png(colour=colour)) for colour in ("red", "lime", "blue")]
    with a1111(
        told={"images": pictures, "info": json.dumps({"index_of_first_image": 1, "all_seeds": [7]})}
    ) as fake:
        assert made(A1111(fake.url), SMALL).image().getpixel((0, 0)) == (0, 255, 0)


def test_a_seed_without_a_picture_is_no_picture():
    with a1111(told={"info": json.dumps({"all_seeds": [7, 8]})}) as fake:
        assert made(A1111(fake.url), SMALL).others == ()


@pytest.fixture
def looking_often(monkeypatch):
    """The server is asked ten times as often, so that less of its time shows the same."""
    monkeypatch.setattr(progress, "POLL_SECONDS", 0.05)


@pytest.mark.usefixtures("looking_often")
def test_progress_and_previews_come_while_it_works():
    with a1111(step_seconds=0.2) as fake:
        told = []
        for event in A1111(fake.url).generate(SMALL.with_(steps=150)):
            told += [event] if isinstance(event, Progress) and event.fraction is not None else []
            if {each.preview for each in told} - {None} and told[-1].fraction > 0:
                fake.hurry.set()
    assert [event.fraction for event in told] == sorted(event.fraction for event in told)
    assert {event.steps for event in told} == {150}
    assert any(event.preview and event.preview.startswith(b"\xff\xd8") for event in told)


@pytest.mark.parametrize(
    "answer",
    [
        '{"state": {"job_count": 1, "sampling_step": NaN, "sampling_steps": "x"}}',
        "[]",
        "",
        '{"state": 5}',
        '{"progress": "x", "state": {"job_count": "y"}, "current_image": "z"}',
        '{"progress": Infinity, "state": {"job_count": 1}, "eta_relative": []}',
    ],
)
@pytest.mark.usefixtures("looking_often")
def test_odd_progress_never_spoils_the_picture(answer):
    with a1111(step_seconds=0.05) as fake, site() as served:
        served.routes.update(fake.routes())
        backend = A1111(served.url)
        backend.probe()
        served.routes["GET /sdapi/v1/progress"] = sends(answer)
        assert made(backend, SMALL).image().size == (64, 64)


@pytest.mark.usefixtures("looking_often")
def test_the_place_in_the_servers_queue_is_told():
    with a1111(extras=("tasks",), queue_seconds=60) as fake:
        events = A1111(fake.url).generate(SMALL)
        waits = next(event for event in events if event.position)
        fake.turn.set()
        *_, picture = events
    assert (waits.position, waits.message) == (1, "In queue: 1/2")
    assert picture.timing.queued > 0


@pytest.mark.usefixtures("looking_often")
@pytest.mark.parametrize("dialect", ["a1111", "forge", "sdnext"])
def test_closing_stops_the_server(dialect):
    with a1111(dialect=dialect, step_seconds=0.1) as fake:
        work = A1111(fake.url).generate(SMALL.with_(steps=150))
        while next(work).fraction is None:
            pass
        work.close()
        assert (fake.interrupts >= 1, fake.running, fake.step < 100) == (True, False, True)


def test_a_stop_before_the_picture_begins_waits_until_it_counts():
    with a1111(step_seconds=0.5, queue_seconds=1) as fake:
        work = A1111(fake.url).generate(SMALL.with_(steps=150))
        assert [next(work), next(work)]
        work.close()
        assert (fake.interrupts >= 1, fake.running, fake.step < 50) == (True, False, True)


def test_another_persons_picture_is_not_interrupted():
    with a1111(extras=("tasks",), step_seconds=0.5, queue_seconds=60) as fake:
        work = A1111(fake.url).generate(SMALL.with_(steps=150))
        while next(work).position is None:
            pass
        closing = threading.Thread(target=work.close)
        closing.start()
        time.sleep(0.6)  # it is told more than once that ours waits
        assert fake.interrupts == 0
        fake.turn.set()
        closing.join()
        assert (fake.interrupts >= 1, fake.running, fake.step < 50) == (True, False, True)


def test_a_cancelled_picture_is_stopped_however_long_it_waited_in_the_servers_queue(monkeypatch):
    monkeypatch.setattr(progress, "CLOSE_SECONDS", 0.1)
    with a1111(extras=("tasks",), step_seconds=0.5, queue_seconds=60) as fake:
        work = A1111(fake.url).generate(SMALL.with_(steps=150))
        while next(work).position is None:
            pass
        work.close()
        assert fake.interrupts == 0
        fake.turn.set()
        until(lambda: fake.interrupts and not fake.running)
        assert fake.step < 50


def test_closing_leaves_a_server_without_interrupt_alone(monkeypatch):
    monkeypatch.setattr(progress, "CLOSE_SECONDS", 3600)
    with a1111(dialect="sdcpp", step_seconds=60) as fake:
        work = A1111(fake.url).generate(SMALL.with_(steps=1))
        assert [next(work), next(work), next(work)]
        until(lambda: fake.running)
        work.close()
        assert fake.running, "nothing could stop it, and nobody waits for it"
        fake.hurry.set()


@pytest.mark.usefixtures("looking_often")
def test_a_stop_at_the_server_makes_the_picture_partial():
    with a1111(step_seconds=0.1) as fake:
        work = A1111(fake.url).generate(SMALL.with_(steps=100))
        while next(work).fraction is None:
            pass
        fake.interrupted = True
        picture = list(work)[-1]
    assert picture.partial
    assert "interrupted" in picture.receipt.warnings[-1]


def test_the_whole_time_and_the_network_are_told():
    with a1111(step_seconds=0.05) as fake:
        timing = made(A1111(fake.url), SMALL).timing
    assert timing.total >= timing.network > 0


def test_the_probe_tells_what_there_is():
    with a1111(extras=("controlnet", "openapi", "tasks")) as fake:
        told = A1111(fake.url).probe()
    assert told.models == ("v1-5.safetensors [6ce0161689]", "other.safetensors [1234567890]")
    assert (told.model, told.upscalers, told.styles) == (
        told.models[0],
        ("Latent", "Lanczos"),
        ("watercolour", "ink"),
    )
    assert (told.control_models, told.control_modules) == (("canny [abc]",), ("none", "canny"))
    assert {
        "progress",
        "preview",
        "cancel",
        "img2img",
        "hires",
        "upscale",
        "controlnet",
        "eta",
    } <= told.features
    assert {"dpmpp_2m_karras", "dpmpp_2m", "euler", "pndm", "DPM++ SDE"} <= set(told.schedulers)


def test_a_server_without_progress_offers_neither_preview_nor_cancel():
    with a1111(dialect="sdcpp") as fake:
        told = A1111(fake.url).probe()
    assert {"progress", "preview", "cancel", "controlnet"} & (told.features | told.unknown) == set()


def test_not_told_is_not_a_no():
    with a1111(dialect="bare") as fake:
        told = A1111(fake.url).probe()
    assert (told.schedulers, told.models) == (None, None)
    assert {"models", "inpaint", "hires"} <= told.unknown


def test_nobody_there_is_noticed():
    assert A1111("http://127.0.0.1:9").probe().status == "down"


def test_a_silent_server_is_given_up_within_three_seconds():
    with site({"*": stalled}) as served:
        assert A1111(served.url).probe().status == "busy"
    assert probe.FIRST_SECONDS < probe.ALL_SECONDS < 3


def test_one_silent_answer_does_not_spoil_the_probe():
    with a1111() as fake, site() as served:
        served.routes.update(fake_routes(fake) | {"GET /sdapi/v1/upscalers": stalled})
        told = A1111(served.url).probe()
    assert (told.status, told.upscalers, "upscale" in told.unknown) == ("ready", None, True)


def fake_routes(fake):
    return fake.routes()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"x"',
        b"{",
        b"[[1], 2]",
        b'[{"name": 5}]',
        b"<html>",
        b'{"state": 5, "progress": "x"}',
    ],
)
def test_odd_answers_never_upset_the_probe(answer):
    with a1111() as fake, site() as served:
        routes = {path: sends(answer) for path in fake.routes() if path != "GET /sdapi/v1/progress"}
        served.routes.update(routes | {"GET /sdapi/v1/progress": fake.progress})
        assert A1111(served.url).probe().status == "ready"
        served.routes["GET /sdapi/v1/progress"] = sends(answer)
        assert A1111(served.url).probe().status in ("ready", "down")


def test_a_web_page_without_api_is_told_from_a_server():
    with site(
        {"GET /": sends("<html><title>Stable Diffusion</title>", kind="text/html")}
    ) as served:
        told = A1111(served.url).probe()
    assert told.status == "down"
    assert "--api" in told.message


def test_a_wanted_password_is_named():
    with a1111(auth="me:secretword") as fake:
        told = A1111(fake.url).probe()
        with pytest.raises(BackendRefused, match="SDPLAY_A1111_AUTH"):
            made(A1111(fake.url, "me:wrongword"), SMALL)
    assert told.status == "unauthorised"
    assert "SDPLAY_A1111_AUTH" in told.message


def test_the_password_of_the_settings_opens_the_door(monkeypatch):
    monkeypatch.setenv("SDPLAY_A1111_AUTH", "me:secret:word")
    with a1111(auth="me:secret:word") as fake:
        picture = made(A1111(fake.url), SMALL.with_(prompt="secret:word"))
    assert "secret" not in json.dumps({**picture.receipt.sent})


def test_a_server_below_a_path_is_reached():
    with a1111(prefix="/sd/webui") as fake:
        assert A1111(fake.url + "/").probe().status == "ready"
        assert A1111(fake.url + "/sdapi/v1/").probe().status == "ready"


def test_the_version_of_the_weights_follows_the_server():
    with a1111() as fake:
        backend = A1111(fake.url)
        first = backend.model_version(SMALL)
        fake.models = fake.models[::-1]
        assert (first, backend.model_version(SMALL)) == (
            "v1-5.safetensors [6ce0161689]",
            "other.safetensors [1234567890]",
        )


def test_enlarging_gives_a_larger_picture():
    with a1111() as fake:
        large = A1111(fake.url).upscale(Image.new("RGB", (32, 16)), 2.0, "Lanczos")
        judge(fake.asked[-1].json(), "ExtrasSingleImageRequest")
    assert large.size == (64, 32)


@pytest.mark.parametrize(
    ("faces", "fields"),
    [
        ("GFPGAN", {"gfpgan_visibility": 1.0}),
        ("CodeFormer", {"codeformer_visibility": 1.0, "codeformer_weight": 0.5}),
    ],
)
def test_faces_are_repaired_by_a_network_of_the_server(faces, fields):
    with a1111() as fake:
        backend = A1111(fake.url)
        assert backend.probe().face_restorers == ("CodeFormer", "GFPGAN")
        *_, large = backend.enlarge(Image.new("RGB", (32, 16)), Enlargement("Lanczos", 2, faces))
        body = fake.asked[-1].json()
        judge(body, "ExtrasSingleImageRequest")
    assert large.size == (64, 32)
    assert {name: body.get(name) for name in fields} == fields


def test_a_server_without_that_network_for_faces_is_not_asked():
    with a1111() as fake:
        fake.restorers = ()
        with pytest.raises(BadParams, match="no GFPGAN on this server to repair faces"):
            list(A1111(fake.url).enlarge(colour(), Enlargement("Lanczos", 2, "GFPGAN")))


def test_stopping_an_enlargement_interrupts_the_server():
    with a1111() as fake:
        fake.extras_seconds = 30
        steps = A1111(fake.url).enlarge(colour(), Enlargement("Lanczos"))
        next(steps)
        assert "is enlarging" in next(steps).message
        until(lambda: fake.running)
        steps.close()
        assert (fake.interrupts, fake.running) == (1, False)


def test_stopping_an_enlargement_leaves_another_persons_picture_alone(monkeypatch):
    monkeypatch.setattr(extras, "CLOSE_SECONDS", 1.0)
    with a1111() as fake:
        fake.extras_seconds = 2
        steps = A1111(fake.url).enlarge(colour(), Enlargement("Lanczos"))
        assert len([next(steps), next(steps)]) == 2
        until(lambda: fake.running)
        fake.job = "scripts_txt2img"
        steps.close()
        assert fake.interrupts == 0


def test_an_unknown_upscaler_is_a_sentence():
    with a1111() as fake:
        with pytest.raises(BackendRefused, match="could not find upscaler named Foo"):
            A1111(fake.url).upscale(Image.new("RGB", (8, 8)), 2.0, "Foo")
        with pytest.raises(BadParams, match="only inside hires fix. Choose one of: Lanczos"):
            A1111(fake.url).upscale(Image.new("RGB", (8, 8)), 2.0, "Latent")


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_ends_in_one_clear_sentence(fault):
    with broken(fault) as served, pytest.raises(BackendError) as caught:
        made(A1111(served.url), SMALL)
    assert re.fullmatch(r"[A-Z][^\n]{20,400}[.?]", str(caught.value))


def test_nobody_there_ends_in_one_clear_sentence():
    with pytest.raises(BackendOffline, match="does not answer at http://127.0.0.1:9"):
        made(A1111("http://127.0.0.1:9"), SMALL)


def test_a_server_that_never_answers_is_given_up():
    routes = {"POST /sdapi/v1/txt2img": stalled, "*": nothing}
    with site(routes) as served, pytest.raises(BackendBroken, match="within 0.8 s"):
        made(A1111(served.url, patience=0.8), SMALL)


@pytest.mark.usefixtures("looking_often")
def test_a_server_that_forgot_the_picture_is_noticed():
    with a1111() as fake, site() as served:
        served.routes.update(fake.routes() | {"POST /sdapi/v1/txt2img": stalled})
        with pytest.raises(BackendBroken, match="idle for 2 s and never sent the picture"):
            made(A1111(served.url, idle=2), SMALL)


@pytest.mark.usefixtures("looking_often")
def test_a_server_that_dies_at_work_is_noticed():
    with a1111() as fake, site() as served:
        served.routes.update(fake.routes() | {"POST /sdapi/v1/txt2img": stalled})
        work = A1111(served.url, idle=2).generate(SMALL)
        assert [next(work), next(work)]
        served.routes["GET /sdapi/v1/progress"] = hanging_up
        with pytest.raises(BackendBroken, match="no longer answers"):
            list(work)


@pytest.mark.usefixtures("looking_often")
def test_a_slow_server_can_be_waited_for_and_stopped():
    with site({"POST /sdapi/v1/txt2img": stalled, "*": nothing}) as served:
        work = A1111(served.url).generate(SMALL)
        seen = [next(work) for _ in range(4)]
        work.close()
    assert all(isinstance(event, Progress) for event in seen)


@pytest.mark.skipif(not LIVE_URL, reason="SDPLAY_A1111_URL names no running server")
def test_a_live_server_makes_a_picture():
    backend = A1111(LIVE_URL, LIVE_AUTH)
    assert backend.probe().status in ("ready", "busy")
    assert made(backend, SMALL.with_(width=512, height=512)).image().size == (512, 512)
