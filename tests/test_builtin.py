"""The built-in model as a backend: real pictures, honest receipts, one engine for everybody."""

import io
import json
import re
import threading

import numpy as np
import pytest
from PIL import Image, ImageFilter

from sdplay.backends import builtin
from sdplay.backends.builtin import Builtin
from sdplay.engine.start import start_pixels
from sdplay.errors import BadParams
from sdplay.files.picture_file import image_name
from sdplay.params import Params
from sdplay.picture import Picture, Progress, png_bytes
from tests.suites import in_full

SMALL = {"width": 96, "height": 96, "steps": 3, "cfg": 3.0}


def made(prompt="a red apple", **settings):
    *_, last = Builtin().generate(Params(prompt, **{**SMALL, **settings}))
    assert isinstance(last, Picture)
    return last


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture.data)).convert("RGB"), np.float32)


def start(colour="orange", size=(96, 96)):
    return png_bytes(Image.new("RGB", size, colour))


def test_the_same_settings_give_the_same_pixels_and_another_seed_does_not():
    assert (pixels(made(seed=3)) == pixels(made(seed=3))).all()
    assert (pixels(made(seed=3)) != pixels(made(seed=4))).any()


@pytest.fixture(scope="module")
def watched():
    """What is told while a picture of many steps is made."""
    events = Builtin().generate(Params("a cat", **{**SMALL, "steps": 60}))
    return [event for event in events if isinstance(event, Progress)]


def test_progress_counts_every_step_and_shows_the_picture_so_far(watched):
    assert [event.step for event in watched if event.step] == list(range(1, 61))
    assert any(event.look() for event in watched)


def test_a_preview_is_drawn_once_and_only_when_somebody_looks(watched):
    previews = [event for event in watched if event.preview]
    assert all(callable(event.preview) for event in previews)
    first, again = previews[0].look(), previews[0].look()
    assert first is again
    with Image.open(io.BytesIO(first)) as drawn:
        assert (drawn.format, drawn.size) == ("JPEG", (96, 96))


CHANGES = (
    {"steps": 6},
    {"cfg": 8.0},
    {"scheduler": "euler_a"},
    {"negative": "red"},
    {"prompt": "a blue car"},
    {"variation_strength": 0.5, "variation_seed": 9},
)


@pytest.mark.parametrize("change", CHANGES)
def test_every_setting_really_acts(change):
    assert (pixels(made()) != pixels(made(**change))).any()


@pytest.mark.parametrize("scheduler", in_full(["lms", "pndm"], ["pndm"]))
def test_at_the_cfg_that_it_offers_few_steps_end_near_what_many_end_at(scheduler):
    cfg = Builtin().probe().defaults["cfg"]
    few, many = (
        pixels(
            made(
                "cartoon octopus",
                scheduler=scheduler,
                cfg=cfg,
                seed=2,
                steps=steps,
                width=128,
                height=128,
            )
        )
        for steps in (20, 100)
    )
    assert np.sqrt(((few - many) ** 2).mean()) < 8


def test_strength_keeps_or_forgets_the_start_image():
    faint, strong = (
        pixels(made(init=start(), strength=strength, steps=10)) for strength in (0.1, 1.0)
    )
    orange = pixels(made(init=start(), strength=0.0))
    assert np.abs(faint - orange).mean() < np.abs(strong - orange).mean()


@pytest.mark.parametrize("blur", [0, 6])
def test_outside_the_mask_are_the_start_images_own_pixels(blur):
    noise = np.random.default_rng(3).integers(0, 256, (96, 96, 3), np.uint8)
    mask = Image.new("L", (96, 96))
    mask.paste(255, (48, 0, 96, 96))
    pictures = {"init": png_bytes(Image.fromarray(noise)), "mask": png_bytes(mask)}
    painted = pixels(made(**pictures, mask_blur=blur, strength=1.0, steps=4))
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(blur)) if blur else mask)
    assert np.array_equal(painted[soft == 0], noise[soft == 0])
    assert np.abs(painted[:, 72:] - noise[:, 72:].astype(float)).mean() > 20


def test_the_receipt_names_the_start_image_and_the_mask_that_were_used():
    pictures = {"init": start(), "mask": png_bytes(Image.new("L", (96, 96), 255))}
    receipt = made(**pictures, strength=0.5, steps=4).receipt
    used = {name: image_name(data) for name, data in pictures.items()}
    assert used.items() <= receipt.applied.items()
    assert set(receipt.asked) <= set(receipt.applied)


def test_the_start_image_is_cut_to_the_shape_never_squeezed():
    picture = made(init=start(size=(400, 100)), strength=0.0, width=96, height=96)
    assert (picture.receipt.applied["width"], picture.receipt.applied["height"]) == (96, 96)


LONG = " ".join(["apple"] * 20 + ["flimble", "wuggle"] + ["banana"] * 800)


@pytest.mark.parametrize(
    ("prompt", "applied", "sentence"),
    [
        (
            "a flimble",
            "a …",
            "1 word of the prompt is unknown to this model and was left out: flimble.",
        ),
        (
            "qwertz zxqy, a FOX on xyzzy, plugh, foobarz",
            "…, a FOX on …",
            "5 words of the prompt are unknown to this model and were left out: qwertz, zxqy, "
            "xyzzy and 2 more.",
        ),
        (
            "красное яблоко 一只红狐狸",
            "…",
            "3 words of the prompt are unknown to this model and were left out: красное, яблоко, "
            "一只红狐狸.",
        ),
        (
            "a fox 🦊🏽",
            "a fox …",
            "1 word of the prompt is unknown to this model and was left out: 🦊🏽.",
        ),
        ("a café", "a …", "1 word of the prompt is unknown to this model and was left out: café."),
        (
            "fox狐狸",
            "fox…",
            "1 word of the prompt is unknown to this model and was left out: 狐狸.",
        ),
        (
            "شجرة a fox",
            "… a fox",
            "1 word of the prompt is unknown to this model and was left out: شجرة.",
        ),
        (
            "apple " * 822,
            "apple " * 22 + "…",
            "800 words of the prompt were left out, from 'apple' on: this model reads 22 words.",
        ),
        (
            LONG,
            "apple " * 20 + "…",
            "802 words of the prompt were left out: 2 words unknown to this model (flimble, "
            "wuggle) and 800 after the 22 that it reads.",
        ),
    ],
)
def test_one_sentence_counts_what_was_left_out_and_names_the_first_few(prompt, applied, sentence):
    receipt = made(prompt).receipt
    assert receipt.warnings == (sentence,)
    assert receipt.applied["prompt"] == applied


def test_what_was_left_out_of_the_negative_prompt_is_told_too():
    receipt = made(negative="a flimble").receipt
    assert receipt.applied["negative"] == "a …"
    assert receipt.warnings == (
        "1 word of the negative prompt is unknown to this model and was left out: flimble.",
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "a red apple",
        "  A  Red APPLE,\t3D-style: on blue! ",
        "a (red:1.3) [apple], ((3d style)), \\(flat\\)",
        "apple\x00 on blue",
        "apple\u200f on\u202e blue",
        "_red_ apple + (banana",
    ],
)
def test_a_prompt_of_which_nothing_was_left_out_was_applied_exactly_as_asked(prompt):
    receipt = made(prompt).receipt
    assert receipt.warnings == ()
    assert receipt.applied["prompt"] == prompt


def test_a_word_without_meaning_here_paints_the_same_whatever_it_is():
    assert (pixels(made("a flimble on blue")) == pixels(made("a qwertz on blue"))).all()


def test_emphasis_acts_and_its_marks_are_no_words():
    plain, strong = made("a red apple"), made("a (red:1.6) apple")
    assert (pixels(plain) != pixels(strong)).any()
    assert (pixels(plain) == pixels(made("a (red:1) apple"))).all()


def test_a_negative_prompt_at_cfg_one_is_said_to_do_nothing():
    assert "no effect at CFG 1" in " ".join(made(cfg=1.0, negative="blue").receipt.warnings)


@pytest.mark.parametrize("size", [(80, 96), (96, 104), (512, 96)])
def test_a_size_it_cannot_make_is_refused_with_the_nearest_one(size):
    with pytest.raises(BadParams, match="The nearest is"):
        made(width=size[0], height=size[1])


def test_emphasis_without_measure_is_refused_with_an_example():
    with pytest.raises(BadParams, match=re.escape("goes up to 10. Write it like this: (word:1.3)")):
        made("a (red:400) apple")


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_photograph_starts_as_its_camera_was_held(mode):
    upright = Image.linear_gradient("L").resize((64, 128)).convert(mode)
    turned, exif, photograph = upright.rotate(90, expand=True), Image.Exif(), io.BytesIO()
    exif[0x0112] = 6  # the camera lay on its side: a quarter turn back shows it upright
    turned.save(photograph, "PNG", exif=exif)
    fields = {"width": 64, "height": 128}
    taken = start_pixels(Params(init=photograph.getvalue(), **fields))
    assert np.array_equal(taken, start_pixels(Params(init=png_bytes(upright), **fields)))


def test_a_start_image_that_is_none_is_refused_in_a_sentence():
    with pytest.raises(BadParams, match="could not be read"):
        made(init=b"no picture")


def test_warming_up_returns_at_once_and_loads_the_engine_that_pictures_use():
    builtin._loaded.cache_clear()
    builtin._warming.cache_clear()
    Builtin().warm_up()
    assert builtin._loaded.cache_info().currsize == 0
    Builtin().warm_up()
    builtin._warming().join(60)
    assert builtin._loaded.cache_info().currsize == 1
    first = next(Builtin().generate(Params("a cat", **SMALL)))
    assert first.message != "Loading the model"


def test_who_asks_while_the_model_loads_shares_the_same_engine():
    builtin._loaded.cache_clear()
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(builtin._engine()[0])) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(map(id, found))) == 1


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ({"foo": 1}, "has no field called 'foo'. It has: prompt, negative, sampler"),
        ({"steps": "many"}, "Steps must be a whole number"),
        ({"width": 40_000}, "Width must be between 64 and 4096"),
        ({"height": 512}, "Height must be a multiple of 32 from 96 to 256"),
        ({"sampler": []}, "has no sampler"),
        ({"sigmas": "zzz"}, "has no sigmas 'zzz'. It has: normal, karras"),
    ],
)
def test_raw_fields_are_checked_like_the_settings_they_lie_over(extra, sentence):
    with pytest.raises(BadParams, match=re.escape(sentence)):
        made(extra=json.dumps(extra))


@pytest.mark.parametrize(
    ("fields", "applied"),
    [
        ({"sampler": "ddim", "sigmas": "normal"}, "ddim"),
        ({"sampler": "euler", "sigmas": "beta"}, "euler beta"),
    ],
)
def test_the_receipt_tells_the_route_that_raw_fields_took(fields, applied):
    receipt = made(extra=json.dumps(fields), init=start(), strength=0.9).receipt
    assert (receipt.asked["scheduler"], receipt.applied["scheduler"]) == (
        "dpmpp_2m_karras",
        applied,
    )
