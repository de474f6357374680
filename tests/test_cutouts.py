"""Cut-outs by Segment Anything: a real model with tiny random weights, on the command line and in
the process."""

import base64
import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sdplay.backends.local import Local
from sdplay.cli.main import main
from sdplay.errors import BadParams
from sdplay.picture import png_bytes

pytest.importorskip("torch", reason="cut-outs need torch and transformers: pip install '.[local]'")
pytest.importorskip(
    "transformers", reason="cut-outs need torch and transformers: pip install '.[local]'"
)

import torch

from sdplay.engine.torch.cutouts import cover, distinct, load_segmenter, stability
from tests.local_process import ask, shared, tiny_segmenter


@pytest.fixture(scope="module")
def segmenter():
    return load_segmenter(str(tiny_segmenter()), "cpu")


def scene(size=(200, 120)):
    image = Image.new("RGB", size, (30, 60, 160))
    ImageDraw.Draw(image).ellipse((20, 20, 90, 90), fill=(220, 40, 40))
    return image


def disc(size, x, y, radius):
    down, across = np.mgrid[:size, :size]
    return torch.from_numpy(radius - np.hypot(across - x, down - y)).float()


def test_the_models_own_processor_is_the_judge(segmenter):
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    judge = SamImageProcessorPil(size={"longest_edge": 64}, pad_size={"height": 64, "width": 64})
    given = judge(scene(), return_tensors="pt")
    with torch.inference_mode():
        told = segmenter.model(
            pixel_values=given["pixel_values"], input_points=torch.tensor([[[[16.0, 19.2]]]])
        )
        seen = segmenter.seen(scene())
        mask, score = segmenter.at(seen, [(50, 60.6316)], ())
    sizes = given["original_sizes"], given["reshaped_input_sizes"]
    masks = judge.post_process_masks(told.pred_masks, *sizes, binarize=False)[0][0]
    best = int(told.iou_scores[0, 0].argmax())
    assert float(score) == pytest.approx(float(told.iou_scores[0, 0, best]), rel=1e-3)
    assert (
        np.corrcoef(segmenter.whole(mask[0], seen).ravel(), masks[best].numpy().ravel())[0, 1]
        > 0.999
    )


def test_each_point_and_each_box_gives_one_cut_out(segmenter):
    cuts = segmenter.cut(scene(), [(50, 50), (150, 70)], [(120, 40, 180, 100)])
    assert len(cuts) == 3
    for cut in cuts:
        left, top, right, bottom = cut.box
        assert (cut.image.mode, cut.image.size) == ("RGBA", (right - left, bottom - top))


def test_a_cut_out_has_the_pictures_own_pixels(segmenter):
    (cut,) = segmenter.cut(scene(), [(50, 50)])
    inside = np.asarray(cut.image)[..., 3] == 255
    there = np.asarray(scene().crop(cut.box))
    assert inside.any()
    assert (np.asarray(cut.image)[inside][:, :3] == there[inside]).all()


def test_without_a_place_everything_found_is_cut_out(segmenter):
    cuts = segmenter.cut(scene(), most=3)
    assert 1 <= len(cuts) <= 3
    assert [cut.score for cut in cuts] == sorted((cut.score for cut in cuts), reverse=True)


def test_an_edge_is_a_pixel_soft_however_bold_the_model():
    calm, bold = (
        np.asarray(cover(disc(40, 19.5, 19.5, 10).numpy() * factor), int) for factor in (0.01, 500)
    )
    assert np.abs(calm - bold).max() <= 1
    assert calm.sum() / 255 == pytest.approx(np.pi * 10**2, rel=0.01)


def test_of_masks_with_nearly_the_same_box_the_surest_stays():
    masks = torch.stack([disc(64, 20, 20, 10), disc(64, 21, 20, 10), disc(64, 45, 45, 9)])
    kept, scores = distinct(masks, torch.tensor([0.9, 0.95, 0.91]))
    assert scores.tolist() == pytest.approx([0.95, 0.91])
    assert torch.equal(kept[0], masks[1])


def test_a_mask_that_moves_with_its_threshold_is_not_stable():
    bold, vague = (disc(64, 30, 30, 15)[None] * boldness for boldness in (100, 0.2))
    assert stability(bold) > 0.95 > 0.8 > stability(vague)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("no JSON", "no Segment Anything model"),
        ("[]", "no Segment Anything"),
        ('{"_class_name": "ControlNetModel"}', "kind None"),
        ('{"model_type": "sam"}', "could not be loaded"),
    ],
)
def test_what_is_no_segmenter_is_refused_in_a_sentence(tmp_path, config, says):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(BadParams, match=says):
        load_segmenter(str(tmp_path), "cpu")


def test_the_command_writes_transparent_pngs_to_the_same_tree(tmp_path, capsys):
    (tmp_path / "given/fruit").mkdir(parents=True)
    for name in ("fruit/apple.png", "fruit/apple.jpg", "pear.png"):
        scene((64, 48)).save(tmp_path / "given" / name)
    flags = [
        "--model",
        str(tiny_segmenter()),
        "--out",
        str(tmp_path / "out"),
        "--point",
        "20,20",
        "--device",
        "cpu",
    ]
    assert main(["cutouts", str(tmp_path / "given"), *flags, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    names = [row["file"].removeprefix(f"{tmp_path}/out/") for row in told]
    assert names == ["fruit/apple.jpg-1.png", "fruit/apple.png-1.png", "pear-1.png"]
    with Image.open(tmp_path / "out/pear-1.png") as cut:
        assert cut.mode == "RGBA"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--point", "3"], "--point needs 2 numbers"),
        (["--box", "1,2,x,4"], "--box needs 4 numbers"),
        (["--model", "/nowhere"], "no Segment Anything model"),
    ],
)
def test_the_command_says_in_a_sentence_what_is_wrong(tmp_path, capsys, flags, says):
    scene().save(tmp_path / "a.png")
    all_flags = ["--model", str(tiny_segmenter()), "--out", str(tmp_path), *flags]
    assert main(["cutouts", str(tmp_path / "a.png"), *all_flags]) == 2
    assert says in capsys.readouterr().err


def test_the_process_cuts_out_for_the_page():
    backend = Local(shared().url)
    assert "cutouts" in backend.probe().features
    cuts = backend.cut_out(scene())
    assert cuts
    assert (cuts[0].image.mode, cuts[0].model) == ("RGBA", "tiny-sam")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"points": [[1]]}, "points"),
        ({"image": "xyz"}, "picture"),
        ({"most": 100}, "most"),
        ({"bogus": 1}, "bogus"),
    ],
)
def test_the_process_says_what_is_wrong_with_a_request(more, says):
    body = {"image": base64.b64encode(png_bytes(scene())).decode(), **more}
    status, told = ask(f"{shared().url}/sdplay/v1/cutouts", body)
    assert (status, says in json.dumps(told)) == (422, True)
