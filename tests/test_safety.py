"""The safety checker of the local process, against the one inside diffusers' stock pipeline."""

import numpy as np
import pytest
from PIL import Image

from sdplay.errors import BadParams
from sdplay.params import Params

torch = pytest.importorskip("torch", reason="the local process needs torch: pip install '.[local]'")
pytest.importorskip("fastapi", reason="the local process needs FastAPI: pip install '.[local]'")

from sdplay.engine.torch.safety import load_checker  # noqa: E402
from sdplay.server.models import Machine, Models  # noqa: E402
from sdplay.server.render import BLACKENED, Rendered, render  # noqa: E402
from sdplay.server.request import PictureRequest  # noqa: E402
from sdplay.server.stream import features  # noqa: E402
from tests.local_process import tiny_models  # noqa: E402
from tests.making import colour  # noqa: E402
from tests.tiny_checkpoint import small_checker  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)
SMALL = Params("a fox", "dog", "euler", 3, 4, 7, 64, 64)
ALWAYS, NEVER = -2, 2


def models(folder, threshold):
    return Models(
        [str(tiny_models())],
        Machine(device="cpu", safety_checker=str(small_checker(folder, threshold))),
    )


def rendered(models, **more):
    return list(render(models, PictureRequest(SMALL, frames=True, **more), lambda: False))


def middle(checker, pictures):
    """The threshold with half of the pictures on either side."""
    seen = checker.eye(
        [Image.fromarray(each[0]) for each in pictures], return_tensors="pt"
    ).pixel_values
    with torch.no_grad():
        means = checker.network.visual_projection(checker.network.vision_model(seen)[1])
    return torch.cosine_similarity(means, checker.network.concept_embeds[:1]).median() + 1e-4


def test_it_objects_to_what_the_stock_pipeline_objects_to(tmp_path):
    from diffusers import StableDiffusionPipeline

    checker = load_checker(str(small_checker(tmp_path, 0)), "cpu")
    parts = {"safety_checker": checker.network, "feature_extractor": checker.eye}
    stock = StableDiffusionPipeline.from_pretrained(tiny_models() / "alpha", **parts)
    noise = np.random.default_rng(0).integers(0, 255, (12, 1, 64, 64, 3)).astype(np.uint8)
    checker.network.concept_embeds_weights.data[0] = middle(checker, noise)
    theirs = [stock.run_safety_checker(each / 255, "cpu", torch.float32)[1][0] for each in noise]
    assert [not checker.passed(Image.fromarray(each[0])) for each in noise] == theirs
    assert len(set(theirs)) == 2


def test_an_unsuitable_picture_is_black_and_says_why(tmp_path):
    *steps, last = rendered(models(tmp_path, ALWAYS))
    assert isinstance(last, Rendered)
    assert (last.image.getextrema(), last.warnings) == (((0, 0),) * 3, (BLACKENED,))
    assert not last.frames
    assert not any(step.preview for step in steps)


def test_a_suitable_picture_comes_as_without_a_checker(tmp_path):
    *_, checked = rendered(models(tmp_path, NEVER))
    *_, plain = rendered(Models([str(tiny_models())], Machine(device="cpu")))
    assert (checked.image.tobytes(), checked.warnings) == (plain.image.tobytes(), ())


def test_what_is_seen_is_the_finished_picture(tmp_path):
    *_, last = rendered(models(tmp_path, ALWAYS), finish=lambda image: colour(size=96))
    assert (last.image.size, last.image.getextrema()[0]) == ((96, 96), (0, 0))


def test_the_page_is_told_that_there_are_no_previews(tmp_path):
    assert not {"preview", "frames"} & set(features(models(tmp_path, NEVER)))


def test_a_folder_without_a_checker_is_told(tmp_path):
    with pytest.raises(BadParams, match="no safety checker in"):
        load_checker(str(tmp_path), "cpu")
