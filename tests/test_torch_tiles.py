"""Large pictures denoised in tiles: memory follows the tile, and no seam shows."""

from itertools import pairwise

import numpy as np
import pytest

from sdplay.engine.loop import Engine
from sdplay.schedulers import SCHEDULERS

torch = pytest.importorskip(
    "torch", reason="checkpoints need torch and diffusers: pip install '.[local]'"
)
pytest.importorskip(
    "diffusers", reason="checkpoints need torch and diffusers: pip install '.[local]'"
)

from sdplay.engine.torch import tiles  # noqa: E402
from sdplay.engine.torch.load import load, load_controlnet  # noqa: E402
from sdplay.engine.torch.model import Guide  # noqa: E402
from sdplay.engine.torch.thrift import Thrift  # noqa: E402
from sdplay.engine.torch.tiles import OVERLAP, blended, tiles_of  # noqa: E402
from sdplay.params import Params  # noqa: E402
from sdplay.server.models import Machine, Models  # noqa: E402
from sdplay.server.render import render  # noqa: E402
from sdplay.server.request import PictureRequest  # noqa: E402
from tests.oracle import job_of, off, ours  # noqa: E402
from tests.tiny_checkpoint import small_controlnet, small_flux  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)
TILE = 128


def model_of(folder, tile=TILE):
    return load(str(folder), device="cpu", thrift=Thrift(tile=tile))


def job(size, **more):
    return job_of(SCHEDULERS["euler"], width=size, height=size, **{"steps": 1, **more})


@pytest.mark.parametrize("size", [TILE, 384, 768])
def test_the_largest_input_of_the_model_is_a_tile_whatever_the_picture(sd, size):
    model, shapes = model_of(sd), set()
    model.parts.unet.register_forward_pre_hook(lambda unet, args: shapes.add(tuple(args[0].shape)))
    meanings = model.meanings(job(size), [9.0])
    answer = model.denoise(np.ones((2, 4, size // 8, size // 8), np.float32), [9.0, 9.0], meanings)
    assert (answer.shape, shapes) == (
        (2, 4, size // 8, size // 8),
        {(2, 4, TILE // 8, TILE // 8)},
    )


@pytest.mark.parametrize("tile", [128, 192])
def test_a_picture_that_fits_into_a_tile_is_made_as_without_tiles(sd, tile):
    small = job(128)
    assert off(ours(Engine(model_of(sd, tile)), small), ours(Engine(model_of(sd, 0)), small)) == 0


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 40), (100, 16), (33, 65), (256, 256)])
def test_tiles_cover_every_cell_and_share_what_they_overlap(height, width):
    covered = np.zeros((height, width), int)
    for tile in tiles_of(height, width, 16):
        part = tile.of(covered)
        part += 1
        assert part.shape == (16, 16)
    assert covered.min() >= 1
    starts = sorted({tile.left for tile in tiles_of(height, width, 16)})
    assert all(after - before <= 16 * (1 - OVERLAP) for before, after in pairwise(starts))


def test_answers_that_agree_come_out_as_they_are():
    x = np.random.default_rng(1).normal(size=(2, 4, 70, 41)).astype(np.float32)
    assert off(blended(x, 16, lambda tile: tile.of(x)), x) < 1e-6


def test_a_guide_steers_each_tile_with_its_own_part(sd, tmp_path):
    net = load_controlnet(str(small_controlnet(tmp_path / "net", sd)))
    picture = np.random.default_rng(3).uniform(0, 1, (3, 256, 256)).astype(np.float32)
    model, seen = model_of(sd), []
    net.register_forward_pre_hook(
        lambda net, args, values: seen.append(values["controlnet_cond"][0].numpy().copy()),
        with_kwargs=True,
    )
    ours(Engine(model), job(256, guides=(Guide(net, picture),)))
    parts = [tile.of(picture, 8) for tile in tiles_of(32, 32, TILE // 8)]
    assert off(np.stack(seen[: len(parts)]), np.stack(parts)) < 1e-6


def border_share(x, side):
    """The mean step from cell to cell where tiles end, in parts of that between other cells."""
    ends, rest = [], []
    for axis, length in ((2, x.shape[2]), (3, x.shape[3])):
        steps = np.abs(np.diff(x, axis=axis)).mean(axis=(0, 1, 5 - axis))
        starts = {tile.left for tile in tiles_of(side, length, side)}
        borders = {cell for start in starts for cell in (start, start + side)} - {0, length}
        is_end = np.isin(np.arange(1, length), list(borders))
        ends.append(steps[is_end].mean())
        rest.append(steps[~is_end].mean())
    return sum(ends) / sum(rest)


def disagreeing(side=16):
    """Put together from tiles of one colour each, and no two of the same."""
    shades = iter(np.random.default_rng(2).normal(size=(100, 1, 4, 1, 1)))
    x = np.zeros((1, 4, 48, 48), np.float32)
    return blended(x, side, lambda tile: np.ones_like(tile.of(x)) * next(shades))


def test_tiles_that_disagree_leave_no_seam(monkeypatch):
    assert border_share(disagreeing(), 16) < 1
    monkeypatch.setattr(tiles, "OVERLAP", 0.0)
    assert border_share(disagreeing(), 16) > 10


def test_no_seam_shows_in_a_picture_made_of_tiles(sd):
    latent = ours(Engine(model_of(sd)), job(320, steps=2, cfg=1.0))
    assert border_share(latent, TILE // 8) < 1.05


def rendered(models, **more):
    params = Params("a fox", scheduler="euler", steps=1, cfg=1.0, width=128, height=128)
    *_, last = render(models, PictureRequest(params.with_(**more)), lambda: False)
    return last


def test_the_receipt_says_how_many_tiles_the_picture_has(sd):
    models = Models([str(sd)], Machine(device="cpu", thrift=Thrift(tile=TILE)))
    assert not any("tiles" in sentence for sentence in rendered(models).warnings)
    for large in ({"width": 256}, {"hires_scale": 2.0, "height": 64}):
        (sentence,) = rendered(models, **large).warnings
        assert "in tiles: here 3 of up to 128 × 128 pixels that overlap" in sentence
    assert rendered(models).version.endswith("in tiles of 128")


def test_a_family_that_knows_no_tiles_says_so(tmp_path):
    machine = Machine(device="cpu", thrift=Thrift(tile=64))
    models = Models([str(small_flux(tmp_path / "flux"))], machine)
    last = rendered(models, scheduler="flow_euler")
    assert "Tiles: Flux denoises every picture whole." in last.warnings
    assert "tiles" not in last.version
