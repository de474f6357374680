"""The a1111 backend against a server that applies what the true one applies, and against the true
one.

SDPLAY_A1111_URL=http://127.0.0.1:7860 python -m pytest tests/test_a1111_measured.py
"""

import base64
import os
import threading
import time
from contextlib import closing

import pytest
import requests
from PIL import Image, ImageOps

from sdplay import studio
from sdplay.backends.a1111 import A1111
from sdplay.backends.a1111.probe import Server
from sdplay.backends.a1111.progress import MARK, OurJob, expected_steps
from sdplay.backends.a1111.receipt import same_model
from sdplay.backends.a1111.standing import Standing, swapped, version_of
from sdplay.errors import BackendOffline, BackendRefused, BadParams
from sdplay.library import Library
from sdplay.metadata import read, settings_from
from sdplay.params import Control, Params
from sdplay.picture import Picture, Progress, png_bytes
from sdplay.schedulers import find
from tests.fakes import png
from tests.local_process import until
from tests.measured_a1111 import measured, pixels, restarting

# Read here, because no test sees the settings of this machine.
LIVE_URL = os.environ.get("SDPLAY_A1111_URL", "")
LIVE_AUTH = os.environ.get("SDPLAY_A1111_AUTH", "")
SMALL = Params(prompt="a red fox", steps=4, width=64, height=64, seed=7, cfg=5.0)


@pytest.fixture(params=["measured", "true"])
def backend(request):
    """The backend at the measured server, then at the true one where there is one."""
    if request.param == "true":
        if not LIVE_URL:
            pytest.skip("SDPLAY_A1111_URL names no running server")
        yield A1111(LIVE_URL, LIVE_AUTH)
        return
    with measured() as server:
        yield A1111(server.url)


def made(backend, **changes):
    picture = list(backend.generate(SMALL.with_(**changes)))[-1]
    assert isinstance(picture, Picture)
    return picture


def test_the_old_joined_name_of_a_sampler_raises_no_alarm(backend):
    joined = made(backend, scheduler="DPM++ 2M Karras")
    assert joined.receipt.warnings == ()
    assert pixels(joined.data) == pixels(made(backend, scheduler="dpmpp_2m_karras").data)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"scheduler": "unipc", "steps": 2}, "UniPC order must be < sampling steps. Take more"),
        (
            {"hires_scale": 2.0, "hires_upscaler": "Foo"},
            "could not find upscaler named Foo. Choose another upscaler",
        ),
        ({"refiner": "nope"}, "Could not find checkpoint with name nope. Choose another"),
    ],
)
def test_the_cause_of_a_refusal_stands_in_the_sentence(backend, changes, cause):
    with pytest.raises(BackendRefused, match=cause):
        made(backend, **changes)


def test_an_unknown_sampler_is_no_wrong_address():
    with measured(strict=True) as server, pytest.raises(BackendRefused) as caught:
        made(A1111(server.url), scheduler="Nope")
    assert "Sampler not found. Choose another scheduler" in str(caught.value)
    assert "address" not in str(caught.value)


def test_another_sampler_in_place_of_an_unknown_one_is_told(backend):
    receipt = made(backend, scheduler="Nope").receipt
    assert receipt.warnings == ("Scheduler: the server used DPM++ 2M Karras instead of Nope.",)
    assert receipt.applied["scheduler"] == "dpmpp_2m_karras"


def test_clip_skip_is_what_was_asked_in_any_order(backend):
    pictures = {at: made(backend, clip_skip=skip) for at, skip in enumerate((1, 2, 1, 3, 1))}
    drawn = [pixels(picture.data) for picture in pictures.values()]
    assert drawn[0] == drawn[2] == drawn[4]
    assert len(set(drawn)) == 3
    assert [each.receipt.applied["clip_skip"] for each in pictures.values()] == [1, 2, 1, 3, 1]
    assert [each.receipt.warnings for each in pictures.values()] == [()] * 5


def test_a_clip_skip_that_stuck_at_the_server_is_told_where_it_is_left_to_it():
    with measured() as server:
        backend = A1111(server.url)
        made(backend, clip_skip=3)
        own = made(backend, clip_skip=None)
        assert own.receipt.applied["clip_skip"] == 3
        assert own.receipt.applied["server_options"] == "CLIP_stop_at_last_layers=3"
        assert "CLIP_stop_at_last_layers=3" in backend.model_version(SMALL.with_(clip_skip=None))


def test_eta_0_is_not_the_samplers_own(backend):
    euler, own = made(backend, scheduler="euler"), made(backend, scheduler="euler_a")
    none, whole = (made(backend, scheduler="euler_a", eta=eta) for eta in (0, 1))
    assert pixels(none.data) == pixels(euler.data) != pixels(own.data)
    assert pixels(whole.data) == pixels(own.data)
    assert none.receipt.applied["eta"] == 0
    assert [each.receipt.warnings for each in (none, own, whole)] == [()] * 3


@pytest.mark.parametrize(
    ("scheduler", "option", "value"),
    [("euler_a", "eta_ancestral", 0.3), ("ddim", "eta_ddim", 0.7)],
)
def test_the_servers_own_eta_stands_in_the_receipt(scheduler, option, value):
    with measured(config={option: value}) as server:
        backend = A1111(server.url)
        own, none = (made(backend, scheduler=scheduler, eta=eta) for eta in (None, 0))
    assert (own.receipt.applied["eta"], own.receipt.warnings) == (value, ())
    assert (none.receipt.applied.get("eta", 0), none.receipt.warnings) == (0, ())
    assert pixels(own.data) != pixels(none.data)


@pytest.mark.parametrize(
    "sampler", ["UniPC", "DDIM", "DDIM CFG++", "PLMS", "DPM fast", "DPM adaptive"]
)
def test_a_schedule_type_that_counts_for_nothing_is_said(backend, sampler):
    named = f"{sampler} Karras"
    karras = made(backend, scheduler=named)
    assert pixels(karras.data) == pixels(made(backend, scheduler=sampler).data)
    assert f"{sampler} takes no notice of the schedule type karras" in karras.receipt.warnings[0]
    capabilities = backend.probe()
    assert not any(
        name.lower().replace("_", " ").startswith(f"{sampler.lower()} k")
        for name in capabilities.schedulers
    )
    assert f"{sampler} alone" in capabilities.unused(SMALL.with_(scheduler=named))[0]


def test_a_schedule_type_with_two_names_is_offered_once(backend):
    normal, uniform = (made(backend, scheduler=f"Euler {name}") for name in ("Normal", "Uniform"))
    assert pixels(normal.data) == pixels(uniform.data)
    offered = backend.probe().schedulers
    assert sum(name.lower() in ("euler", "euler normal", "euler uniform") for name in offered) == 1


def test_no_two_offered_schedulers_of_one_sampler_make_the_same_picture():
    with measured() as server:
        backend = A1111(server.url)
        offered = backend.probe().schedulers
        drawn = {name: pixels(made(backend, scheduler=name).data) for name in offered}
    assert len(set(drawn.values())) == len(drawn)


def test_every_other_name_of_a_scheduler_makes_the_picture_of_the_one_in_the_list():
    with measured() as server:
        backend = A1111(server.url)
        aliases = backend.probe().scheduler_aliases
        listed = {alias.listed for alias in aliases.values()}
        drawn = {name: pixels(made(backend, scheduler=name).data) for name in {*listed, *aliases}}
    assert len(aliases) > 40
    assert {name for name, alias in aliases.items() if drawn[name] != drawn[alias.listed]} == set()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("DPM++ 2M Karras", "dpmpp_2m_karras"),
        ("dpm++ sde karras", "DPM++ SDE Karras"),
        ("Euler a", "euler_a"),
        ("euler uniform", "Euler Uniform"),
        ("lcm", "LCM"),
        ("nope", None),
    ],
)
def test_the_servers_own_sampler_names_are_taken(written, meant):
    with measured() as server:
        meant = meant and (find(meant).id if find(meant) else meant)
        assert A1111(server.url).probe().scheduler(written) == meant


def test_a_name_that_is_not_there_is_answered_with_those_like_it():
    with measured() as server:
        near = A1111(server.url).probe().nearest_schedulers("DPM++ 2S")
    assert near.startswith("DPM++ 2S a")
    assert near.endswith(" more")
    assert len(near) < 200


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"styles": "watercolour|nope"}, "There is no style 'nope' on this server"),
        ({"vae": "nope"}, "There is no VAE 'nope' on this server"),
        (
            {"control": (Control(png(), "depth [1]"),)},
            "There is no ControlNet model 'depth .1.' on this server.* There are: canny",
        ),
        ({"extra": '{"script_name": "nope"}'}, "There is no script 'nope' on this server"),
        (
            {"control": (Control(png(), "canny [abc]"),) * 4},
            "this server takes 3 units at once, not 4",
        ),
    ],
)
def test_a_name_the_server_would_pass_over_is_refused_before_sending(changes, sentence):
    with measured(extensions=("controlnet",)) as server:
        with pytest.raises(BadParams, match=sentence):
            made(A1111(server.url), **changes)
        assert server.applied == []


MATRIX = '{"script_name": "Prompt Matrix", "script_args": [false, false, "positive", "comma", 0]}'


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (
            '{"alwayson_scripts": {"nope": {"args": []}}}',
            "There is no script 'nope' on this server",
        ),
        ('{"alwayson_scripts": {"soft inpainting": {}}}', "works only with a start image"),
        ('{"alwayson_scripts": {"prompt matrix": {}}}', "it belongs into script_name"),
        ('{"script_name": "refiner"}', "always runs: it belongs into alwayson_scripts"),
        ('{"alwayson_scripts": {"Seed": {"args": [9]}}}', "settings instead: Seed, Variation"),
        ('{"alwayson_scripts": {"refiner": [true]}}', 'must be written like this: {"refiner"'),
        (
            '{"script_name": "prompt matrix", "script_args": [false]}',
            "takes 5 arguments, not 1: Put variable parts at start of prompt, Use different seed",
        ),
    ],
)
def test_a_script_that_the_server_would_misread_is_refused_before_sending(backend, raw, sentence):
    with pytest.raises(BadParams, match=sentence):
        made(backend, extra=raw)


def test_an_option_that_the_server_has_not_is_refused_before_sending(backend):
    raw = '{"override_settings": {"eta_ancestrall": 1}}'
    with pytest.raises(BadParams, match="no option 'eta_ancestrall' .* Like it are: eta_ancestral"):
        made(backend, extra=raw)


def test_an_argument_that_the_server_does_not_list_is_said():
    with measured() as server:
        wide = MATRIX.replace("0]", "900]").replace('"comma"', '"nope"')
        warnings = made(A1111(server.url), extra=wide).receipt.warnings
    assert "Script prompt matrix: Grid margins (px) goes from 0 to 500 on the server" in warnings[1]
    assert (
        "the server lists no 'nope' for Select joining char. It lists: comma, space."
        in (warnings[0])
    )


def test_a_script_of_the_server_runs_with_its_arguments(backend):
    plain, matrix = made(backend, prompt="a|b"), made(backend, prompt="a|b", extra=MATRIX)
    assert pixels(plain.data) != pixels(matrix.data)


def test_the_scripts_of_a_server_are_told_with_their_arguments(backend):
    scripts = backend.probe().scripts
    assert any(
        each.startswith("prompt matrix (script_name): Put variable parts at start of prompt = ")
        for each in scripts
    )
    assert any(each.startswith("refiner (alwayson_scripts): Refiner = false") for each in scripts)


def test_arguments_without_a_name_are_told_by_their_place_and_what_they_are():
    with measured(extensions=("controlnet",)) as server:
        scripts = A1111(server.url).probe().scripts
    assert (
        "controlnet (alwayson_scripts): arguments 1 to 3, each = an object with enabled, module, "
        "model, weight, image"
    ) in scripts


def test_no_script_of_the_true_server_is_told_in_riddles(backend):
    scripts = backend.probe().scripts
    assert not any("null, argument" in each or len(each) > 2000 for each in scripts)
    if any(each.startswith("controlnet ") for each in scripts):
        assert any("arguments 1 to 3, each = an object with " in each for each in scripts)


def test_a_style_acts_and_is_read_back(backend):
    (style, *_) = backend.probe().styles
    plain, styled = made(backend), made(backend, styles=style)
    assert pixels(plain.data) != pixels(styled.data)
    assert (styled.receipt.warnings, styled.receipt.applied.get("styles")) == ((), style)
    assert styled.receipt.applied["prompt"] != plain.receipt.applied["prompt"]


def test_a_style_that_changes_nothing_is_told():
    with measured(styles={"nothing": "{prompt}"}) as server:
        warnings = made(A1111(server.url), styles="nothing").receipt.warnings
    assert warnings == ("Styles: the server's prompts are the same as without them.",)


def test_the_padding_of_a_masked_part_acts_by_itself(backend):
    masked = {**MASKED, "mask": MIDDLE, "only_masked": True}
    near, far = (made(backend, **masked, masked_padding=padding) for padding in (0, 48))
    assert pixels(near.data) != pixels(far.data)
    assert [each.receipt.applied["masked_padding"] for each in (near, far)] == [0, 48]
    assert [each.receipt.warnings for each in (near, far)] == [(), ()]


def test_a_guide_picture_for_a_server_without_controlnet_is_refused_with_what_to_install():
    with measured() as server:
        with pytest.raises(BadParams, match=r"Install from URL, enter .*sd-webui-controlnet"):
            made(A1111(server.url), control=(Control(png(), "canny"),))
        assert server.applied == []


def test_a_name_added_since_the_last_look_is_taken():
    with measured() as server:
        backend = A1111(server.url)
        backend.probe()
        server.styles["ink"] = "{prompt}, ink"
        assert made(backend, styles="ink").receipt.warnings == ()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"prompt": "a fox <lora:nope:1>"}, "there is no LoRA 'nope' on the server"),
        ({"extra": '{"tilling": true}'}, "the server does not know 'tilling'"),
        ({"extra": '{"script_args": [1]}'}, "script_args without a script_name were passed over"),
        ({"scheduler": "LCM", "eta": 0.3}, "Eta: the server does not mention it"),
        ({"prompt": "a fox # blue"}, "the server read 'a fox' instead. It leaves out what stands"),
        ({"faces": True}, "Face restore: the server notes it down even where it finds no face"),
    ],
)
def test_what_the_server_passes_over_is_said(backend, changes, sentence):
    picture = made(backend, **changes)
    assert any(sentence in warning for warning in picture.receipt.warnings)


def test_loras_and_embeddings_can_be_picked():
    with measured() as server:
        chips = A1111(server.url).probe().chips
    assert chips == {"LoRA": ("ink",), "Embeddings": ("mood",)}


def test_a_server_without_controlnet_says_what_to_install():
    with measured() as server:
        hint = A1111(server.url).probe().hints["controlnet"]
    assert "has no ControlNet" in hint
    assert "sd-webui-controlnet" in hint
    assert f"({server.url}/docs)" in hint
    with measured(extensions=("controlnet",)) as server:
        assert A1111(server.url).probe().hints == {}
    with measured(extensions=("controlnet",), control_models=()) as server:
        assert "no models for it" in A1111(server.url).probe().hints["controlnet"]


UNNAMED = ("init", "mask", "model")
"""Settings that a receipt tells in other words."""
HIRES = {"hires_scale": 2.0, "hires_strength": 0.6, "scheduler": "euler"}
HALF = png_bytes(Image.linear_gradient("L").resize((64, 64)).point(lambda grey: 255 * (grey > 128)))
MIDDLE = png_bytes(ImageOps.expand(Image.new("L", (16, 16), 255), 24, 0))
"""White in the middle; half of a picture has no room around it to paint."""
MASKED = {"init": png(), "mask": HALF, "strength": 0.6, "scheduler": "euler"}


@pytest.mark.parametrize(
    ("below", "changes"),
    [
        (HIRES, {"hires_size": "96x128"}),
        (HIRES, {"hires_sampler": "dpmpp_2m_karras"}),
        (HIRES, {"hires_sampler": "euler_karras"}),
        ({**HIRES, "scheduler": "dpmpp_2m_karras"}, {"hires_sampler": "euler"}),
        (HIRES, {"hires_steps": 2}),
        (HIRES, {"hires_upscaler": "Lanczos"}),
        (HIRES, {"hires_strength": 0.9}),
        (HIRES, {"hires_prompt": "a blue dog"}),
        (HIRES, {"hires_negative": "bad, worse"}),
        ({**HIRES, "model": "tiny.safetensors"}, {"hires_model": "other"}),
        (MASKED, {"inpaint_fill": "latent noise"}),
        (MASKED, {"inpaint_fill": "fill"}),
        (MASKED, {"inpaint_fill": "latent nothing"}),
        (MASKED, {"mask_blur": 20}),
        (MASKED, {"only_masked": True, "masked_padding": 16}),
        ({}, {"tiling": True}),
        ({"vae": "None"}, {"vae": "soft.vae.safetensors"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_a1111_users_look_for_acts_and_is_read_back(backend, below, changes):
    plain, other = made(backend, **below), made(backend, **(below | changes))
    assert pixels(plain.data) != pixels(other.data)
    assert (plain.receipt.warnings, other.receipt.warnings) == ((), ())
    assert {name: other.receipt.applied.get(name) for name in changes} == changes
    settings, notes = settings_from(read(other.data).text)
    assert {name: settings.get(name) for name in changes} == changes
    assert notes == []


@pytest.mark.parametrize("field", ["batch_size", "n_iter"])
def test_every_picture_of_a_batch_is_read(backend, field):
    first = made(backend, extra=f'{{"{field}": 3}}')
    assert [each.params.seed for each in (first, *first.others)] == [7, 8, 9]
    assert len({pixels(each.data) for each in (first, *first.others)}) == 3
    assert [each.receipt.applied["seed"] for each in first.others] == [8, 9]
    assert first.others[1].receipt.warnings == (
        "The server made 3 pictures at once; this is number 3.",
    )
    assert first.others[0].params == SMALL.with_(seed=8)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 2**63 - 1},
        {"variation_strength": 0.5, "variation_seed": 3},
        {"refiner": "other", "refiner_at": 0.5, "model": "tiny.safetensors"},
        MASKED,
    ],
    ids=lambda changes: "-".join(changes),
)
def test_what_always_acted_still_acts_as_asked(backend, changes):
    plain, other = made(backend, model="tiny.safetensors"), made(backend, **changes)
    assert pixels(plain.data) != pixels(other.data)
    assert other.receipt.warnings == ()
    numbers = {name: value for name, value in changes.items() if name not in UNNAMED}
    assert {name: other.receipt.applied.get(name) for name in numbers} == numbers


def test_the_servers_png_info_reads_our_file_as_its_own(backend, tmp_path):
    pictures = []

    class Watched(A1111):
        def generate(self, params):
            for event in super().generate(params):
                if isinstance(event, Picture):
                    pictures.append(event.data)
                yield event

    with closing(Library(tmp_path)) as library:
        ours = Watched(backend.wire.base, LIVE_AUTH)
        saved = list(studio.make(SMALL.with_(negative="blur, dark"), ours, library))[-1]
        pictures.append(library.data(saved))
    info = [png_info(backend.wire.base, data) for data in pictures]
    assert info[0] == info[1]
    assert "Negative prompt: blur, dark" in info[0]


def png_info(url, data):
    """What the server reads in a picture."""
    auth = tuple(LIVE_AUTH.split(":", 1)) if LIVE_AUTH else None
    sent = {"image": base64.b64encode(data).decode()}
    answer = requests.post(f"{url}/sdapi/v1/png-info", json=sent, auth=auth, timeout=60)
    return answer.json()["info"]


def test_every_picture_of_a_batch_is_kept(tmp_path):
    with measured() as server, closing(Library(tmp_path)) as library:
        params = SMALL.with_(extra='{"batch_size": 3}')
        kept = list(studio.make(params, A1111(server.url), library))[-1]
        assert kept.params.seed == 7
        assert sorted(each.params.seed for each in library.recent()) == [7, 8, 9]


OPTIONS = [
    {"sd_vae": "soft.vae.safetensors"},
    {"eta_noise_seed_delta": 31337},
    {"eta_ancestral": 0.3},
    {"randn_source": "CPU"},
    {"token_merging_ratio": 0.5},
    {"samples_format": "webp"},
    {"samples_format": "jpg"},
]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: "-".join(map(str, *option.items())))
def test_a_server_wide_option_names_the_picture_and_stands_in_its_receipt(option):
    with measured() as server:
        backend, euler_a = A1111(server.url), {"scheduler": "euler_a"}
        plain, version = made(backend, **euler_a), backend.model_version(SMALL.with_(**euler_a))
        server.config |= option
        other, changed = made(backend, **euler_a), backend.model_version(SMALL.with_(**euler_a))
    assert pixels(plain.data) != pixels(other.data)
    assert version != changed
    ((name, value),) = option.items()
    assert other.receipt.applied["server_options"] == f"{name}={value}"
    assert "server_options" not in plain.receipt.applied


def test_an_option_that_changes_nothing_leaves_the_name_alone():
    with measured() as server:
        version = A1111(server.url).model_version(SMALL)
        server.config |= {"save_images_add_number": False, "eta_ancestral": 1.0}
        assert A1111(server.url).model_version(SMALL) == version == "tiny.safetensors"


def test_an_override_takes_the_option_out_of_the_name():
    raw = '{"override_settings": {"sd_vae": "None"}}'
    with measured(config={"sd_vae": "soft.vae.safetensors"}) as server:
        assert "sd_vae" in A1111(server.url).model_version(SMALL)
        assert "sd_vae" not in A1111(server.url).model_version(SMALL.with_(extra=raw))


def others_at_work(server, held=True, **fields):
    """Another client's request, under way; held, it stays so until the server may go on."""
    if held:
        server.running.clear()
    client = A1111(server.url)
    params = SMALL.with_(prompt="theirs", steps=20).with_(**fields)
    threading.Thread(target=lambda: list(client.generate(params)), daemon=True).start()
    until(lambda: server.at_work.get("prompt") == "theirs")
    # The second is the whole name of a job.
    time.sleep(1.1)


@pytest.mark.parametrize("webui", [False, True], ids=["api alone", "with web UI"])
def test_progress_is_only_ever_that_of_our_own_picture(webui):
    with measured(step_seconds=0.05, webui=webui) as server:
        others_at_work(server)
        work = A1111(server.url).generate(SMALL.with_(steps=30))
        waits = next(event for event in work if event.message.endswith(("first", "queue")))
        server.running.set()
        *events, picture = work
    assert waits.fraction is None
    assert {event.steps for event in events if event.fraction is not None} == {30}
    assert picture.timing.queued > 0.5


@pytest.mark.parametrize("webui", [False, True], ids=["api alone", "with web UI"])
def test_a_cancel_never_stops_anothers_picture(webui):
    with measured(step_seconds=0.05, webui=webui) as server:
        others_at_work(server)
        work = A1111(server.url).generate(SMALL.with_(steps=40))
        while not next(work).message.endswith("first") and not webui:
            pass
        assert isinstance(next(work), Progress)
        server.running.set()
        work.close()
        until(lambda: server.interrupts)
        assert set(server.interrupts) == {SMALL.prompt}
        assert server.applied[0]["prompt"] == "theirs"


@pytest.mark.parametrize("how", ["interrupt", "skip"])
def test_a_picture_that_somebody_cut_short_says_so(how):
    with measured(step_seconds=0.3) as server:
        work = A1111(server.url).generate(SMALL.with_(steps=20))
        while not (next(work).step or 0) > 1:
            pass
        requests.post(f"{server.url}/sdapi/v1/{how}", timeout=9)
        picture = list(work)[-1]
    assert picture.partial
    assert "It was interrupted at the server" in picture.receipt.warnings[-1]


def test_a_picture_cut_short_says_so_though_the_next_one_has_begun():
    with measured(step_seconds=0.3) as server:
        work = A1111(server.url).generate(SMALL.with_(steps=20))
        while not (next(work).step or 0) > 1:
            pass
        theirs = threading.Thread(target=others_at_work, args=(server, False))
        theirs.start()
        server.steps_after_cut = 4
        requests.post(f"{server.url}/sdapi/v1/interrupt", timeout=9)
        picture = list(work)[-1]
        theirs.join()
    assert picture.partial


def test_two_clients_with_the_same_settings_are_two_tasks():
    with measured(webui=True) as server:
        tasks = {A1111(server.url).payload(SMALL)["force_task_id"] for _ in range(2)}
    assert len(tasks) == 2


@pytest.mark.parametrize("webui", [False, True], ids=["api alone", "with web UI"])
def test_a_third_client_with_as_many_steps_is_not_taken_for_ours(webui):
    with measured(step_seconds=0.05, webui=webui) as server:
        others_at_work(server, steps=20)
        threading.Thread(target=others_at_work, args=(server,), kwargs={"steps": 20}).start()
        until(lambda: len(server.waiting) == 1)
        work = A1111(server.url).generate(SMALL.with_(steps=20))
        while "Sent" not in next(work).message:
            pass
        until(lambda: len(server.waiting) == 2)
        server.held_at = (SMALL.prompt, 4)
        server.running.set()
        first = next(event for event in work if (event.step or 0) > 2)
        whose = server.at_work.get("prompt")
        server.running.set()
        work.close()
    assert (first.steps, whose) == (20, SMALL.prompt)
    assert set(server.interrupts) == {SMALL.prompt}
    assert [each["prompt"] for each in server.applied[:2]] == ["theirs", "theirs"]


def test_a_mark_changes_no_pixel_and_no_name():
    with measured() as plain, measured(webui=True) as named:
        backends = A1111(plain.url), A1111(named.url)
        one, other = (made(backend) for backend in backends)
        versions = {backend.model_version(SMALL) for backend in backends}
    assert pixels(one.data) == pixels(other.data)
    assert MARK in one.receipt.sent["override_settings"]
    assert MARK not in other.receipt.sent["override_settings"]
    assert versions == {"tiny.safetensors"}


@pytest.mark.parametrize("webui", [False, True], ids=["api alone", "with web UI"])
def test_a_model_switched_between_request_and_answer_is_told_and_names_the_picture(tmp_path, webui):
    with measured(step_seconds=0.05, webui=webui) as server, closing(Library(tmp_path)) as library:
        backend = A1111(server.url)
        others_at_work(server)
        events = studio.make(SMALL, backend, library)
        while not next(events).message.endswith(("first", "queue")):
            pass
        server.config["sd_model_checkpoint"] = "other.safetensors"
        server.running.set()
        switched = list(events)[-1]
        assert "had tiny.safetensors when this picture was asked for, and made it with other" in (
            " ".join(switched.receipt.warnings)
        )
        assert list(studio.make(SMALL, backend, library))[-1].file == switched.file
        server.config["sd_model_checkpoint"] = "tiny.safetensors"
        again = list(studio.make(SMALL, backend, library))[-1]
        assert again.receipt.warnings == ()
        assert again.receipt.applied["model"] == "tiny"


@pytest.mark.parametrize("webui", [False, True], ids=["api alone", "with web UI"])
def test_an_override_of_anothers_picture_is_not_taken_for_the_servers_own(webui):
    config = {"sd_model_checkpoint": "tiny.safetensors", "randn_source": "GPU"}
    with measured(step_seconds=0.05, webui=webui, config=config) as server:
        others_at_work(server, extra='{"override_settings": {"randn_source": "CPU"}}')
        server.running.set()
        picture = list(A1111(server.url).generate(SMALL.with_(steps=30)))[-1]
    assert server.applied[-1]["rng"] == "GPU"
    assert "server_options" not in picture.receipt.applied
    assert picture.receipt.warnings == ()
    assert picture.version == "tiny.safetensors"


def test_options_that_changed_meanwhile_are_told_where_nobody_saw_which_acted():
    standing = Standing({"sd_vae": "Automatic"}, {}, {"sd_vae": "soft", "save": 1})
    server, told = Server(model="tiny", has_options=True), {"model": "tiny"}
    (sentence,) = swapped("", server, told, standing, {})
    assert "option sd_vae changed from Automatic to soft while this picture was made" in sentence
    assert "changed meanwhile" in version_of("", server, told, standing, {})
    assert list(swapped("", server, told, Standing({}, {}, {"sd_vae": "soft"}), {})) == []


@pytest.mark.parametrize(
    ("title", "told", "same"),
    [
        ("sd/tiny.safetensors", {"model": "sd_tiny"}, True),
        ("sd\\tiny.ckpt [0123456789]", {"model": "sd_tiny"}, True),
        ("tiny.safetensors", {"model": "tiny"}, True),
        ("tiny.v2.safetensors", {"model": "tiny.v2"}, True),
        ("tiny.safetensors [0123456789]", {"model": "renamed", "hash": "0123456789"}, True),
        ("tiny.safetensors", {"model": "other"}, False),
    ],
)
def test_a_checkpoint_is_known_by_all_its_names(title, told, same):
    assert same_model(title, told) is same


def test_another_file_under_the_same_name_is_told():
    models = {"tiny.safetensors": "a" * 64}
    server = Server(models=models, model="tiny.safetensors", has_options=True)
    told = {"model": "tiny", "hash": "b" * 10}
    (sentence,) = swapped("", server, told, Standing({}, {}, {}), {})
    assert "its hash is bbbbbbbbbb, not aaaaaaaaaa" in sentence


def test_a_later_job_of_another_is_not_taken_for_ours():
    job = OurJob({}, {"steps": 20})
    ours = {"job_timestamp": "1", "job_count": 1, "sampling_step": 3, "sampling_steps": 20}
    assert job.is_this(ours)
    assert not job.is_this(ours | {"job_timestamp": "2"})


@pytest.mark.parametrize(
    ("body", "steps"),
    [
        ({"steps": 20}, {20, 1, 0}),
        ({"steps": 20, "denoising_strength": 0.5}, {20, 11, 0, 1}),
        ({"steps": 20, "script_name": "x/y/z plot"}, set()),
    ],
)
def test_the_steps_that_a_server_can_name_are_known(body, steps):
    assert expected_steps(body) == steps


def test_a_server_that_restarts_ends_one_picture_in_a_clear_sentence():
    with measured() as server, restarting(server) as (go_away, come_back):
        backend = A1111(server.url)
        first = made(backend)
        go_away()
        with pytest.raises(BackendOffline, match="does not answer"):
            made(backend)
        come_back()
        assert pixels(made(backend).data) == pixels(first.data)
