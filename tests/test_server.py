"""The local process on a real socket: A1111's API as its clients know it, and our own stream of
events."""

import base64
import io
import json
import os
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import jsonschema
import pytest
from PIL import Image

from sdplay.backends.a1111 import A1111
from sdplay.cli.main import main
from sdplay.metadata import read
from sdplay.params import Params
from sdplay.picture import Picture, Progress, png_bytes
from sdplay.schedulers import SCHEDULERS
from tests.making import colour

pytest.importorskip("torch", reason="the local process needs torch: pip install '.[local]'")
pytest.importorskip("fastapi", reason="the local process needs FastAPI: pip install '.[local]'")

from tests.local_process import Process, ask, lines, shared, tiny_models, until

SCHEMA = json.loads((Path(__file__).parent / "data" / "a1111_openapi.json").read_text())
SMALL = {"width": 64, "height": 64, "steps": 3, "seed": 5, "sampler_name": "Euler"}
ANSWERS = {
    "sd-models": "SDModelItem",
    "samplers": "SamplerItem",
    "upscalers": "UpscalerItem",
    "sd-vae": "SDVaeItem",
    "prompt-styles": "PromptStyleItem",
    "hypernetworks": "HypernetworkItem",
    "face-restorers": "FaceRestorerItem",
}


@pytest.fixture(scope="module")
def server():
    return shared()


def api(server, path, body=None):
    return ask(f"{server.url}/sdapi/v1/{path}", body)


def opened(text):
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        image.load()
        return image


def conforms(value, name):
    jsonschema.Draft7Validator({"$ref": f"#/components/schemas/{name}", **SCHEMA}).validate(value)


def b64(image):
    return base64.b64encode(png_bytes(image)).decode()


def test_txt2img_answers_in_a1111s_shape_with_infotext_in_the_picture(server):
    status, answer = api(server, "txt2img", {**SMALL, "prompt": "a fox"})
    assert status == 200
    conforms(answer, "TextToImageResponse")
    info = json.loads(answer["info"])
    assert opened(answer["images"][0]).info["parameters"] == info["infotexts"][0]
    assert (info["all_seeds"], info["sampler_name"], info["sd_model_name"]) == (
        [5],
        "Euler",
        "alpha",
    )
    assert read(base64.b64decode(answer["images"][0])).settings["steps"] == 3


def test_the_same_request_makes_the_same_picture(server):
    one, other = (
        api(server, "txt2img", {**SMALL, "prompt": "a fox"})[1]["images"] for _ in range(2)
    )
    assert opened(one[0]).tobytes() == opened(other[0]).tobytes()


def test_a_batch_counts_its_seeds_and_a_variation_keeps_the_seed(server):
    for more, key, seeds in (
        ({}, "all_seeds", [5, 6, 7, 8]),
        ({"subseed_strength": 0.3, "subseed": 9}, "all_subseeds", [9, 10, 11, 12]),
    ):
        _, answer = api(server, "txt2img", {**SMALL, "batch_size": 2, "n_iter": 2, **more})
        assert (len(answer["images"]), json.loads(answer["info"])[key]) == (4, seeds)


def test_a_seed_of_minus_one_is_drawn_and_told(server):
    _, answer = api(server, "txt2img", {**SMALL, "seed": -1})
    assert json.loads(answer["info"])["seed"] >= 0


def test_a_start_image_is_stretched_and_sent_back_changed(server):
    _, answer = api(
        server,
        "img2img",
        {**SMALL, "init_images": [b64(colour(size=32))], "denoising_strength": 0.6},
    )
    conforms(answer, "ImageToImageResponse")
    assert opened(answer["images"][0]).size == (64, 64)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"sampler_name": "Nope"}, 422, "DPM++ 2M karras"),
        ({"sampler_name": "k_dpm_2"}, 422, "There are"),
        ({"sampler_name": "Euler a", "scheduler": "karras"}, 422, "schedule type 'karras'"),
        ({"override_settings": {"sd_model_checkpoint": "nope"}}, 422, "There are: alpha, beta"),
        ({"prompt": "a fox <lora:oil:1>"}, 422, "no LoRA called 'oil'. There are: ink"),
        ({"prompt": "a (fox:11)"}, 422, "Emphasis goes up to 10"),
        ({"negative_prompt": "<lora:ink:1>"}, 422, "in the prompt, not in the negative prompt"),
        ({"override_settings": {"sd_hypernetwork": "x"}}, 422, "sd_model_checkpoint"),
        ({"script_name": "x/y/z plot"}, 422, "not found"),
        ({"alwayson_scripts": {"adetailer": {"args": []}}}, 422, "not found"),
        ({"tiling": True}, 422, "tiling"),
        ({"styles": ["mine"]}, 422, "styles"),
        ({"enable_hr": True, "hr_upscaler": "SwinIR 4x"}, 422, "Latent, Lanczos"),
        ({"refiner_checkpoint": "gamma"}, 422, "There are: alpha, beta"),
        ({"width": 63}, 422, "between 64"),
        ({"width": 2048}, 422, "up to 1024 pixels"),
        ({"steps": 200}, 422, "up to 150 steps"),
        ({"batch_size": 8, "n_iter": 9}, 422, "1 to 64 pictures"),
        ({"steps": "abc"}, 422, "steps"),
        ({"width": -5}, 422, "between"),
    ],
)
def test_what_is_not_offered_is_refused_by_name(server, body, status, says):
    told = api(server, "txt2img", {**SMALL, **body})
    assert told[0] == status
    assert says in json.dumps(told[1])


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ({"inpaint_full_res": False}, (64, 64)),
        ({}, (96, 48)),
        ({"inpainting_fill": 1, "inpaint_full_res_padding": 8}, (96, 48)),
    ],
)
def test_only_what_is_masked_is_painted(server, more, size):
    start, mask = Image.new("RGB", (96, 48), (20, 120, 200)), Image.new("L", (96, 48))
    mask.paste(255, (64, 16, 80, 32))
    body = {
        **SMALL,
        "init_images": [b64(start)],
        "mask": b64(mask),
        "mask_blur": 0,
        "denoising_strength": 0.8,
        **more,
    }
    made = opened(api(server, "img2img", body)[1]["images"][0])
    assert made.size == size
    assert made.getpixel((5, 5)) == (20, 120, 200)
    assert made.getpixel((72 * size[0] // 96, size[1] // 2)) != (20, 120, 200)


def test_hires_fix_enlarges_by_the_named_upscaler(server):
    body = {**SMALL, "enable_hr": True, "hr_scale": 1.5, "denoising_strength": 0.7}
    made = [
        api(server, "txt2img", {**body, "hr_upscaler": name})[1] for name in ("Latent", "Lanczos")
    ]
    assert [opened(each["images"][0]).size for each in made] == [(96, 96)] * 2
    assert made[0]["images"] != made[1]["images"]
    assert "Hires upscale: 1.5" in json.loads(made[0]["info"])["infotexts"][0]


def test_a_lora_of_the_prompt_changes_the_picture_and_is_told(server):
    plain, inked, again = (
        api(server, "txt2img", {**SMALL, "prompt": f"a fox{tag}"})[1]
        for tag in ("", " <lora:ink:0.8>", " <lora:ink:0>")
    )
    assert opened(plain["images"][0]).tobytes() == opened(again["images"][0]).tobytes()
    assert opened(plain["images"][0]).tobytes() != opened(inked["images"][0]).tobytes()
    assert "<lora:ink:0.8>" in json.loads(inked["info"])["infotexts"][0]
    assert [(each["name"], each["path"]) for each in api(server, "loras")[1]] == [
        ("ink", "ink.safetensors")
    ]
    assert api(server, "refresh-loras", {}) == (200, None)


def test_emphasis_changes_the_picture_and_what_goes_beyond_is_told(server):
    plain, same, strong, beyond = (
        api(server, "txt2img", {**SMALL, "prompt": prompt})[1]
        for prompt in ("a fox", "a (fox:1.0)", "a (fox:1.5)", "a [fox|owl]")
    )
    assert opened(plain["images"][0]).tobytes() == opened(same["images"][0]).tobytes()
    assert opened(plain["images"][0]).tobytes() != opened(strong["images"][0]).tobytes()
    assert json.loads(strong["info"])["infotexts"][0].startswith("a (fox:1.5)\n")
    assert json.loads(strong["info"])["warnings"] == []
    assert (
        "was read as words: [from:to:when], [one|other]"
        in json.loads(beyond["info"])["warnings"][0]
    )


def test_an_embedding_is_a_word_of_the_prompt_and_is_listed(server):
    plain, named, misfit = (
        api(server, "txt2img", {**SMALL, "prompt": f"a fox on {word}"})[1]
        for word in ("wood", "paper", "for-sdxl")
    )
    status, told = api(server, "embeddings")
    assert len({opened(each["images"][0]).tobytes() for each in (plain, named, misfit)}) == 3
    assert (json.loads(named["info"])["warnings"], status) == ([], 200)
    assert (
        "for-sdxl was made for another kind of model" in json.loads(misfit["info"])["warnings"][0]
    )
    assert [list(told[each]) for each in ("loaded", "skipped")] == [["paper"], ["for-sdxl"]]
    assert (told["loaded"]["paper"]["vectors"], told["loaded"]["paper"]["shape"]) == (2, 32)


def test_a_refiner_finishes_the_picture_and_is_told(server):
    plain, refined = (
        api(server, "txt2img", {**SMALL, "refiner_checkpoint": name, "refiner_switch_at": 0.5})[1]
        for name in ("None", "beta")
    )
    assert opened(plain["images"][0]).tobytes() != opened(refined["images"][0]).tobytes()
    assert "Refiner: beta, Refiner switch at: 0.5" in json.loads(refined["info"])["infotexts"][0]


def test_a_controlnet_steers_through_webuiapi(server):
    webuiapi = pytest.importorskip(
        "webuiapi", reason="the outside judge is webuiapi: pip install webuiapi"
    )
    guest = webuiapi.WebUIApi(port=server.port, sampler="Euler", steps=3)
    assert guest.has_controlnet
    assert guest.controlnet_model_list() == ["lines"]
    unit = webuiapi.ControlNetUnit(image=colour(), model="lines", weight=1.0)
    free, led = (
        guest.txt2img(prompt="a fox", seed=3, width=64, height=64, controlnet_units=units)
        for units in ([], [unit])
    )
    assert free.image.tobytes() != led.image.tobytes()


@pytest.mark.parametrize(
    ("unit", "says"),
    [
        ({"model": "depth", "image": "x"}, "lines"),
        ({"model": "lines"}, "no picture"),
        ({"model": "lines", "image": "x", "module": "hed"}, "none, invert"),
        (
            {"model": "lines", "image": "x", "control_mode": "My prompt is more important"},
            "only Balanced",
        ),
    ],
)
def test_a_bad_controlnet_unit_is_told(server, unit, says):
    unit = {**unit, **({"image": b64(colour())} if "image" in unit else {})}
    told = api(server, "txt2img", {**SMALL, "alwayson_scripts": {"ControlNet": {"args": [unit]}}})
    assert (told[0], says in told[1]["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 404, "Init image not found"),
        ({"init_images": ["zzz"]}, 422, "start image"),
        ({"init_images": ["http://127.0.0.1:9/a.png"]}, 422, "not on the open internet"),
        ({"init_images": [b64(colour())], "resize_mode": 3}, 422, "resize_mode"),
    ],
)
def test_a_bad_start_image_is_told(server, body, status, says):
    told = api(server, "img2img", {**SMALL, **body})
    assert (told[0], says in json.dumps(told[1])) == (status, True)


@pytest.mark.parametrize(
    ("names", "id"),
    [
        ({"sampler_name": "DPM++ 2M"}, "dpmpp_2m_karras"),
        ({"sampler_name": "DPM++ 2M", "scheduler": "uniform"}, "dpmpp_2m"),
        ({"sampler_name": "DPM++ 2M", "scheduler": "Karras"}, "dpmpp_2m_karras"),
        ({"sampler_name": "DPM++ 2M Karras"}, "dpmpp_2m_karras"),
        ({"sampler_name": None, "sampler_index": "LMS", "scheduler": "automatic"}, "lms"),
        ({"sampler_name": "DPM++ 2M SDE"}, "dpmpp_2m_sde"),
        ({"sampler_name": "k_euler"}, "euler"),
    ],
)
def test_every_way_to_name_a_sampler_is_understood(server, names, id):
    _, answer = api(server, "txt2img", {**SMALL, **names})
    told = read(base64.b64decode(answer["images"][0])).settings["scheduler"]
    assert told == id


def test_infotext_in_a_request_fills_what_it_leaves_out(server):
    text = "a cat\nSteps: 4, Sampler: DDIM, CFG scale: 3, Seed: 77, Size: 64x64"
    _, answer = api(server, "txt2img", {"infotext": text, "seed": 78})
    info = json.loads(answer["info"])
    assert (info["prompt"], info["steps"], info["seed"], info["sampler_name"]) == (
        "a cat",
        4,
        78,
        "DDIM",
    )


@pytest.mark.parametrize("path", ANSWERS)
def test_lists_have_a1111s_shape(server, path):
    status, found = api(server, path)
    assert status == 200
    for each in found:
        conforms({name: value for name, value in each.items() if value is not None}, ANSWERS[path])


def test_every_a1111_request_field_has_its_place(server):
    ours = ask(f"{server.url}/openapi.json")[1]["components"]["schemas"]
    for name in ("StableDiffusionProcessingTxt2Img", "StableDiffusionProcessingImg2Img"):
        assert set(SCHEMA["components"]["schemas"][name]["properties"]) <= set(
            ours[name]["properties"]
        )


def test_options_choose_the_model_for_everybody_and_refuse_the_rest(server):
    assert api(server, "options", {"sd_model_checkpoint": "beta"}) == (200, None)
    assert api(server, "options")[1]["sd_model_checkpoint"].startswith("beta [")
    assert json.loads(api(server, "txt2img", SMALL)[1]["info"])["sd_model_name"] == "beta"
    assert api(server, "options", {"sd_model_checkpoint": "alpha"})[0] == 200
    assert api(server, "options", {"sd_model_checkpoint": "gamma"})[0] == 422
    assert api(server, "options", {"samples_format": "gif"})[0] == 422


def test_png_info_reads_what_txt2img_wrote(server):
    image = api(server, "txt2img", {**SMALL, "prompt": "a fox"})[1]["images"][0]
    status, told = api(server, "png-info", {"image": image})
    conforms(told, "PNGInfoResponse")
    assert (status, told["parameters"]["Seed"]) == (200, "5")


def test_extras_enlarge_and_name_the_upscalers(server):
    _, told = api(
        server, "extra-single-image", {"image": b64(colour(size=32)), "upscaler_1": "Lanczos"}
    )
    conforms(told, "ExtrasSingleImageResponse")
    assert opened(told["image"]).size == (64, 64)
    assert (
        "Lanczos"
        in api(server, "extra-single-image", {"image": b64(colour()), "upscaler_1": "x"})[1][
            "detail"
        ]
    )


def test_idle_progress_says_so(server):
    status, told = api(server, "progress")
    assert (status, told["state"]["job_count"], told["current_image"]) == (200, 0, None)


def test_interrupt_hands_out_what_is_there(server):
    answers = []
    work = threading.Thread(
        target=lambda: answers.append(api(server, "txt2img", {**SMALL, "steps": 150}))
    )
    work.start()
    progress = "progress?skip_current_image=true"
    until(lambda: answers or api(server, progress)[1]["state"]["sampling_step"] >= 9)
    assert api(server, "interrupt", {})[1] == {}
    work.join()
    assert opened(answers[0][1]["images"][0]).size == (64, 64)


def test_webuiapi_from_pypi_is_a_happy_guest(server):
    webuiapi = pytest.importorskip(
        "webuiapi", reason="the outside judge is webuiapi: pip install webuiapi"
    )
    guest = webuiapi.WebUIApi(port=server.port, sampler="Euler a", steps=2)
    made = guest.txt2img(prompt="a fox", seed=3, width=64, height=64)
    assert (made.image.size, made.info["all_seeds"], len(made.info["infotexts"])) == (
        (64, 64),
        [3],
        1,
    )
    again = guest.img2img(images=[made.image], prompt="a fox", seed=4, width=64, height=64)
    assert again.image.size == (64, 64)
    assert guest.extra_single_image(
        again.image, upscaler_1=webuiapi.Upscaler.Lanczos, upscaling_resize=2
    ).image.size
    assert "a fox" in guest.png_info(made.image).info
    assert guest.get_progress()["state"]["job_count"] == 0
    assert [name.split(" ")[0] for name in guest.util_get_model_names()] == ["alpha", "beta"]
    assert guest.util_get_current_model().startswith("alpha")
    assert guest.interrupt() == {}
    assert guest.skip() is None
    guest.util_wait_for_ready()
    for ask_for in (
        "samplers",
        "schedulers",
        "sd_models",
        "loras",
        "memory",
        "embeddings",
        "cmd_flags",
        "options",
        "latent_upscale_modes",
        "sd_vae",
        "prompt_styles",
        "scripts",
        "upscalers",
    ):
        assert getattr(guest, f"get_{ask_for}")() is not None
    assert guest.refresh_checkpoints() is None


def test_our_own_a1111_backend_paints_here_and_finds_nothing_changed(server):
    backend = A1111(server.url)
    told = backend.probe()
    assert (told.status, told.model[:5]) == ("ready", "alpha")
    assert {
        entry.id for entry in SCHEDULERS.values() if entry.a1111 and entry.sampler != "deis"
    } <= set(told.schedulers)
    *_, picture = backend.generate(
        Params("a fox", "dog", "dpmpp_2m_karras", 3, 5, 7, 64, 64, clip_skip=2)
    )
    assert isinstance(picture, Picture)
    assert picture.receipt.warnings == ()
    assert picture.receipt.applied["seed"] == 7


def test_the_stream_tells_of_queue_steps_preview_and_picture(server):
    params = Params("a fox", scheduler="euler", steps=40, width=64, height=64, seed=1)
    told = list(lines(server.url, {"params": params.as_dict(), "frames": True}))
    kinds = {each["event"] for each in told}
    assert told[-1]["event"] == "done"
    assert "step" in kinds
    assert any("preview" in each for each in told)
    assert len(told[-1]["frames"]) == 40
    assert opened(told[-1]["image"]).size == (64, 64)
    assert told[-1]["applied"]["seed"] == 1


def test_a_job_is_cancelled_by_its_name_and_no_other_is(server):
    params = Params("a fox", scheduler="euler", steps=150, width=64, height=64)
    other = []
    neighbour = threading.Thread(
        target=lambda: other.extend(
            lines(server.url, {"params": {**params.as_dict(), "steps": 30}})
        )
    )
    neighbour.start()
    seen = []
    for line in lines(server.url, {"params": params.as_dict(), "id": "mine"}):
        seen.append(line["event"])
        if line["event"] == "step":
            ask(f"{server.url}/sdplay/v1/pictures/mine/cancel", {})
    neighbour.join()
    assert seen[-1] == "cancelled"
    assert other[-1]["event"] == "done"


def test_cancelling_what_is_not_there_is_told(server):
    assert ask(f"{server.url}/sdplay/v1/pictures/nobody/cancel", {}) == (200, {"cancelled": False})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"params": {"stepz": 3}}, "stepz"),
        ({"params": {"steps": 0}}, "between 1 and"),
        ({"params": {"scheduler": "nope"}}, "There are"),
        ({"params": {"scheduler": "flow_euler"}}, "Choose Euler"),
        ({"params": {"model": "gamma"}}, "alpha, beta"),
        ({"params": {"init": "sha256:ab"}}, "does not carry it"),
        ({"params": {"init": "x"}, "images": {"x": "AAAA"}}, "no picture"),
        ({"params": {}, "more": 1}, "more"),
        ({"params": {}, "id": "../x"}, "id"),
    ],
)
def test_the_stream_refuses_in_a_sentence(server, body, says):
    assert says in json.dumps(ask(f"{server.url}/sdplay/v1/pictures", body))


def test_another_model_is_loaded_for_a_job_that_names_it(server):
    made = [
        list(lines(server.url, {"params": {"model": name, "steps": 2, "width": 64, "height": 64}}))[
            -1
        ]
        for name in ("alpha", "beta", "alpha")
    ]
    assert [each["model"].split(" ")[0] for each in made] == ["alpha", "beta", "alpha"]
    assert made[0]["image"] == made[2]["image"] != made[1]["image"]


def test_health_and_the_page_of_routes_are_there(server):
    status, told = ask(f"{server.url}/health")
    assert (status, told["status"]) == (200, "ready")
    assert "/sdapi/v1/txt2img" in ask(f"{server.url}/openapi.json")[1]["paths"]


def test_a_name_that_is_not_this_machines_is_refused_without_a_token(server):
    status, told = ask(f"{server.url}/sdapi/v1/options", Host="evil.example")
    assert (status, "own names" in told["detail"]) == (403, True)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(server):
    status, _ = ask(f"{server.url}/sdapi/v1/png-info", {}, **{"Content-Length": str(2**30)})
    assert status == 413


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "example.com"])
def test_other_machines_need_a_token(host, capsys):
    assert main(["serve", "--host", host]) == 2
    assert "--token" in capsys.readouterr().err


def test_a_token_is_asked_for_in_both_forms_and_killing_ends_clients_in_a_sentence():
    process = Process(
        "--model", tiny_models() / "alpha", "--device", "cpu", "--token", "user:s3cret"
    ).ready()
    basic = {"Authorization": "Basic " + base64.b64encode(b"user:s3cret").decode()}
    url = f"{process.url}/sdapi/v1/samplers"
    assert ask(url)[0] == 401
    assert ask(url, Authorization="Bearer wrong")[0] == 401
    assert [ask(url, **each)[0] for each in (basic, {"Authorization": "Bearer user:s3cret"})] == [
        200,
        200,
    ]
    assert ask(f"{process.url}/health")[0] == 200
    run = A1111(process.url, "user:s3cret").generate(
        Params("a fox", steps=150, width=256, height=256)
    )
    assert isinstance(
        next(event for event in run if isinstance(event, Progress) and event.step), Progress
    )
    os.kill(process.running.pid, signal.SIGKILL)
    with pytest.raises(Exception, match="broke off|does not answer"):
        list(run)
    process.running.wait()
    with pytest.raises(URLError):
        ask(url)


@contextmanager
def at_work(server, **fields):
    """A request of 150 steps that has begun; its answer once the block is over."""
    answers = []
    body = {**SMALL, "steps": 150, **fields}
    work = threading.Thread(target=lambda: answers.append(api(server, "txt2img", body)))
    work.start()
    until(lambda: is_painting(server, fields.get("force_task_id", "")))
    yield answers
    work.join()


def is_painting(server, task):
    if not task:
        return api(server, "progress")[1]["state"]["sampling_step"] > 3
    status, told = ask(f"{server.url}/internal/progress", {"id_task": task})
    return status == 200 and (told["progress"] or 0) > 0.02


def test_nobody_who_does_not_know_its_name_stops_a_request(server):
    whole = api(server, "txt2img", {**SMALL, "steps": 150})[1]["images"][0]

    with at_work(server, force_task_id="task(mine)") as answers:
        api(server, "interrupt", {})
        api(server, "interrupt?id_task=task(other)", {})
        api(server, "skip", {})

    assert opened(answers[0][1]["images"][0]).tobytes() == opened(whole).tobytes()


def test_whoever_knows_its_name_stops_a_request(server):
    whole = api(server, "txt2img", {**SMALL, "steps": 150})[1]["images"][0]

    with at_work(server, force_task_id="task(mine)") as answers:
        api(server, "interrupt?id_task=task(mine)", {})

    assert opened(answers[0][1]["images"][0]).tobytes() != opened(whole).tobytes()


def test_which_of_two_nameless_requests_is_meant_is_asked(server):
    with at_work(server), at_work(server, seed=6):
        until(lambda: ask(f"{server.url}/sdplay/v1/about")[1]["waiting"] == 2)
        status, told = api(server, "interrupt", {})
        assert (status, "id_task=NAME" in told["detail"]) == (409, True)
