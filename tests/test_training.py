"""Captions, words and export of the built-in model; all with tiny models, no training."""

import itertools
import random
import time
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("diffusers", reason="training needs the extra 'train'")
pytest.importorskip("onnxscript", reason="training needs the extra 'train'")
onnxruntime = pytest.importorskip("onnxruntime", reason="the engine runs on onnxruntime")


from sdplay.engine.card import SHIPPED, Card  # noqa: E402
from sdplay.engine.words import Words  # noqa: E402
from sdplay.training import export, packs  # noqa: E402
from sdplay.training.log import Log, load, rotate, save  # noqa: E402
from sdplay.training.networks import (  # noqa: E402
    autoencoder,
    averages,
    decoder,
    lean,
    learning,
    unet,
    warm,
    words,
)
from sdplay.training.networks.method import (  # noqa: E402
    ALPHAS,
    STEPS,
    Exercise,
    Method,
)
from sdplay.training.networks.muon import Muon  # noqa: E402
from sdplay.training.networks.pace import FLOOR, Pace, autocast  # noqa: E402
from sdplay.training.pictures.colours import COLOURS  # noqa: E402
from sdplay.training.pictures.compose import Drawn, as_array  # noqa: E402
from sdplay.training.pictures.icons import things  # noqa: E402
from sdplay.training.pictures.scenes import Figure, Scene  # noqa: E402
from sdplay.training.samples import preview, sample  # noqa: E402

# Two threads that wait for each other lose most where other tests share the cores.
torch.set_num_threads(1)

VOCABULARY = [*words.SPECIAL, *words.caption_words()]
ODD = "A  Red APPLE, 3D-style: on blue! Zürich (kitten) zxqy's " + "apple " * 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    made = tmp_path_factory.mktemp("model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns of its own deprecations
        parts = (
            unet.build(),
            autoencoder.build(),
            words.text_encoder(VOCABULARY),
            VOCABULARY,
        )
        pictures = [Image.new("RGB", (64, 64), colour) for colour in COLOURS.values()]
        export.export(made, parts, "test", pictures)
    return made


def run(folder, name, **given):
    return onnxruntime.InferenceSession(str(folder / f"{name}.onnx")).run(None, given)[0]


@pytest.mark.parametrize(
    "prompt", ["", "a red apple, 3d style", ODD, "apple\napple\t2", "🍎 apple"]
)
def test_the_engine_and_transformers_give_the_same_tokens(tmp_path, prompt):
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", "utf-8")
    theirs = words.tokenizer(VOCABULARY)(
        prompt, padding="max_length", max_length=words.LENGTH, truncation=True, return_tensors="np"
    )
    ours = Words(tmp_path / "vocab.txt", words.LENGTH).tokens(prompt)
    assert ours.tolist() == theirs.input_ids.tolist()


def test_muon_moves_a_matrix_by_something_orthogonal():
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(16, 40))
    (weight * torch.randn(16, 40)).sum().backward()
    Muon([weight], lr=1.0).step()
    strengths = torch.linalg.svdvals(weight.detach()) / (0.2 * 40**0.5)
    assert 0.6 < float(strengths.min()) < float(strengths.max()) < 1.3


def test_learning_cools_once_from_where_it_was_left_and_never_warms_again():
    assert Pace(1.0, minutes=10).now == 1.0
    cooling = Pace(1.0, minutes=10, cool=True, began=time.monotonic() - 300)
    left = cooling.now
    assert left == pytest.approx(0.515, abs=0.01)
    resumed = Pace(left, minutes=10, cool=True)
    assert resumed.now <= left
    assert Pace(resumed.now, 10, cool=True, began=time.monotonic() - 900).now == FLOOR
    assert Pace(1.0, 10, cool=True, pictures=400, learnt=400).now == FLOOR
    with pytest.raises(SystemExit, match="warm steps would undo that"):
        Pace(resumed.now, minutes=10)
    with pytest.raises(SystemExit, match="cooled to its end"):
        Pace(FLOOR, minutes=10, cool=True)


class Discs:
    """One disc on a ground, for runs of a few seconds."""

    def scene(self, dice):
        disc = Figure(things()[0], colour="red", count=2)
        return Scene((disc,), "flat", dice.choice(list(COLOURS)))

    def draw(self, scene, dice):
        picture = Image.new("RGB", (128, 128), COLOURS[scene.ground])
        ImageDraw.Draw(picture).ellipse((30, 30, 90, 90), fill=COLOURS["red"])
        return Drawn(picture, ())

    def pictures_forever(self, seed, pixels=128):
        dice = random.Random(seed)
        while True:
            scene = self.scene(dice)
            yield scene, self.draw(scene, dice).picture.resize((pixels, pixels)), "a red disc"


def test_a_run_that_has_cooled_says_so_in_its_checkpoint_and_is_not_warmed_again(tmp_path):
    log, moment = Log(tmp_path), 0.03
    stint = autoencoder.Stint(tmp_path, "autoencoder", moment)
    autoencoder.train(Discs(), stint, log)
    assert load(tmp_path / "autoencoder.pt")["paces"] == {"autoencoder": 1.0}
    autoencoder.train(Discs(), replace(stint, cool=True), log)
    assert load(tmp_path / "autoencoder.pt")["paces"] == {"autoencoder": FLOOR}
    with pytest.raises(SystemExit, match="warm steps would undo that"):
        autoencoder.train(Discs(), stint, log)


def test_sixteen_bits_are_used_only_where_the_processor_has_them():
    here = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    with autocast():
        assert torch.is_autocast_enabled("cpu") == here
    sources = Path(autoencoder.__file__).parent.glob("*.py")
    assert [file.name for file in sources if "torch.bfloat16" in file.read_text()] == ["pace.py"]


def test_normalised_latents_are_unit_normal_and_decode_as_before():
    torch.manual_seed(0)
    vae, pixels = autoencoder.build().eval(), torch.rand(8, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        before = vae.encode(pixels).latent_dist.mean
        drawn = vae.decode(before).sample
        unet.normalise(vae, before)
        after = vae.encode(pixels).latent_dist.mean
        assert float(abs(after.std((0, 2, 3)) - 1).max()) < 1e-3
        assert float(after.mean().abs()) < 1e-3
        assert torch.allclose(vae.decode(after).sample, drawn, atol=1e-4)


def test_exported_weights_are_stored_once_in_half_precision(folder):
    graphs = sum(file.stat().st_size for file in folder.glob("*.onnx"))
    weights = sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
    count = sum(
        weight.numel()
        for model in (unet.build(), autoencoder.build())
        for weight in model.parameters()
    )
    assert graphs < 1_000_000
    assert 2 * count < weights < 2 * count + 3_000_000


@pytest.mark.parametrize(("rows", "high", "wide"), [(1, 12, 12), (3, 16, 24), (2, 32, 32)])
def test_the_exported_unet_agrees_with_torch_for_every_size(folder, rows, high, wide):
    from diffusers import UNet2DConditionModel

    model = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32)
    x, meaning = torch.randn(rows, 8, high, wide), torch.randn(rows, words.LENGTH, words.WIDTH)
    times = torch.linspace(0.5, 998.25, rows)
    with torch.no_grad():
        expected = model(x, times, meaning).sample.numpy()
    made = run(
        folder,
        "unet",
        sample=x.numpy(),
        timestep=times.numpy(),
        encoder_hidden_states=meaning.numpy(),
    )
    assert np.abs(made - expected).max() < 1e-3


def test_the_exported_autoencoder_agrees_with_torch(folder):
    from diffusers import AutoencoderKL

    model = AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=torch.float32)
    pixels = torch.rand(2, 3, 96, 128) * 2 - 1
    with torch.no_grad():
        latent = model.encode(pixels).latent_dist.mean
        expected = model.decode(latent).sample.numpy()
    assert np.abs(run(folder, "vae_encoder", sample=pixels.numpy()) - latent.numpy()).max() < 1e-3
    assert np.abs(run(folder, "vae_decoder", latent=latent.numpy()) - expected).max() < 1e-3


class Averages:
    """An autoencoder whose latent is known: the cell's mean red, green and blue, mixed."""

    config = SimpleNamespace(scaling_factor=1.0)
    mix = torch.tensor([[1.0, 0.5, 0.0], [0.0, 2.0, 0.0], [0.3, 0.0, -1.0], [0.1, 0.2, 0.3]])

    def encode(self, pixels):
        cells = torch.nn.functional.avg_pool2d(pixels, 8)
        mean = torch.einsum("dc,nchw->ndhw", self.mix, cells) + 0.25
        return SimpleNamespace(latent_dist=SimpleNamespace(mean=mean))


def test_the_map_for_previews_finds_the_colours_of_encoded_pictures():
    noise = np.random.default_rng(3).integers(0, 256, (6, 32, 32, 3), np.uint8)
    pictures = [Image.fromarray(pixels) for pixels in noise]
    fitted = np.array(preview.colours(Averages(), pictures))
    pixels = torch.from_numpy(np.stack([as_array(picture) for picture in pictures]))
    cells = torch.nn.functional.avg_pool2d(pixels, 8).numpy()
    latents = Averages().encode(pixels).latent_dist.mean.numpy()
    drawn = np.einsum("nchw,cd->ndhw", latents, fitted[:-1]) + fitted[-1][:, None, None]
    assert np.abs(drawn - cells).max() < 1e-2


def test_the_exported_folder_holds_the_map_for_previews(folder):
    assert np.array(Card.read(folder).preview).shape == (9, 3)


@pytest.fixture
def run_folder(tmp_path):
    """A run that has begun: words, an untrained autoencoder, one small pack."""
    torch.manual_seed(0)
    save(
        {"words": VOCABULARY, "vectors": torch.randn(len(VOCABULARY), words.WIDTH)},
        tmp_path / "words.pt",
    )
    vae = autoencoder.build().eval()
    _pack(tmp_path, "128-00000", vae, seed=0)
    return tmp_path


def _packs(folder):
    (folder / "packs").mkdir(exist_ok=True)
    return folder / "packs"


def _pack(folder, name, vae, seed, pixels=128, count=32):
    drawn = itertools.islice(Discs().pictures_forever(seed, pixels), count)
    packs.write(drawn, vae, _packs(folder) / f"{name}.npz")


def test_a_pack_gives_back_its_scenes_and_latents(run_folder):
    pool = packs.Packs(run_folder / "packs")
    again = Discs().pictures_forever(0)
    assert pool.buckets[16].scenes == [next(again)[0] for _ in range(32)]
    assert pool.buckets[16].latents.shape == (32, 8, 16, 16)


def test_a_run_that_began_warm_keeps_its_words_when_its_latents_are_made_even(run_folder):
    vae, before = autoencoder.build().eval(), (run_folder / "words.pt").read_bytes()
    save({"model": vae.state_dict(), "steps": 7}, run_folder / "autoencoder.pt")
    nowhere = run_folder / "nowhere"
    unet.prepare(Discs(), run_folder, nowhere, nowhere, Log(run_folder), pictures=64)
    assert (run_folder / "words.pt").read_bytes() == before
    kept = load(run_folder / "autoencoder.pt")
    assert kept["steps"] == 7
    vae.load_state_dict(kept["model"])
    drawn = itertools.islice(Discs().pictures_forever(seed=1), 64)
    latents = packs.encode(vae, np.stack([as_array(picture) for _, picture, _ in drawn]))
    assert latents.mean((0, 2, 3)).abs().max() < 0.02
    assert (latents.std((0, 2, 3)) - 1).abs().max() < 0.02


def test_a_run_takes_in_packs_that_are_written_while_it_trains(run_folder):
    pool = packs.Packs(run_folder / "packs")
    _pack(run_folder, "128-00001", autoencoder.build(), seed=1)
    (run_folder / "packs/.0123456789ab.new").write_bytes(b"half")
    pool.refresh()
    assert len(pool) == len(pool.buckets[16].latents) == 64


def test_a_batch_has_pictures_of_one_size_with_their_own_scenes(run_folder):
    _pack(run_folder, "96-00000", autoencoder.build(), seed=2, pixels=96)
    pool, dice = packs.Packs(run_folder / "packs"), random.Random(0)
    batches = [pool.batch(4, dice) for _ in range(40)]
    assert {batch.latents.shape[-1] for batch in batches} == {12, 16}
    for batch in batches:
        bucket = pool.buckets[batch.latents.shape[-1]]
        for latent, scene in zip(batch.latents, batch.scenes, strict=True):
            at = int((bucket.latents.float() == latent).flatten(1).all(1).nonzero()[0])
            assert bucket.scenes[at] == scene


def test_packing_stops_at_the_wanted_number_and_leaves_a_pack_for_checks(run_folder, monkeypatch):
    log, folder = Log(run_folder), run_folder / "packs"
    monkeypatch.setattr(packs, "CHECKED", 4)
    packs.fill(Discs(), autoencoder.build(), folder, log, minutes=1, most=1)
    assert [file.name for file in packs.packed(folder)] == ["128-00000.npz"]
    assert len(packs.read(folder / packs.CHECK).scenes) == 4
    assert len(packs.Packs(folder)) == 32


def test_larger_pictures_come_fewer_at_a_time(run_folder):
    pool = packs.Packs(run_folder / "packs")
    latents, scenes = torch.zeros(9, 8, 32, 32), pool.buckets[16].scenes[:9]
    pool.buckets = {32: packs.SizeGroup(latents, scenes)}
    assert len(pool.batch(64, random.Random(0)).scenes) == 16


def test_without_packs_a_run_says_what_comes_first(tmp_path):
    with pytest.raises(SystemExit, match="run the stage pack first"):
        packs.Packs(_packs(tmp_path))


def training(folder):
    return learning.Training(folder / "packs", folder, batch=2)


def test_a_stopped_run_goes_on_where_it_was(run_folder):
    first = learning.Training(run_folder / "packs", run_folder, 2, {"times": "logit-normal"})
    first.step(0.5)
    first.save()
    again = training(run_folder)
    assert (again.done, again.seen, again.pace) == (1, 2, 0.5)
    assert again.method == Method(times="logit-normal")
    assert all(torch.equal(again.learnt[name], weight) for name, weight in first.learnt.items())


def test_a_run_ends_at_the_wanted_number_of_pictures_and_leaves_a_checkpoint(run_folder):
    log = Log(run_folder)
    learning.train(run_folder / "packs", run_folder, learning.Bounds(60, until=1), log)
    assert load(run_folder / "unet.pt")["seen"] == learning.BATCH
    assert f"{learning.BATCH} pictures, unchecked" in log.file.read_text()


def test_runs_that_are_compared_meet_the_same_pictures(run_folder):
    training(run_folder).save()
    assert training(run_folder).step() == training(run_folder).step()


def test_a_check_depends_on_the_weights_alone(run_folder):
    run = training(run_folder)
    assert run.checked() == "unchecked"
    _pack(run_folder, "check", autoencoder.build(), seed=3, count=2)
    before = run.checked()
    run.step()
    assert run.checked() == before
    run.averages.take(run.learnt)
    assert run.checked() != before
    assert all(band in before for band in learning.BANDS)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_lean_unet_answers_as_diffusers_does(layers):
    torch.manual_seed(0)
    model = unet.build(layers)
    x, times = torch.randn(2, 8, 12, 20), torch.tensor([3, 700])
    meaning = torch.randn(2, words.LENGTH, words.WIDTH)
    with torch.no_grad():
        theirs = model(x, times, meaning).sample
        assert torch.allclose(lean.answer(model, x, times, meaning), theirs, atol=1e-5)


def test_a_deeper_unet_begins_with_the_same_answers_and_learns_in_all_its_layers():
    torch.manual_seed(0)
    model = unet.build()
    deep = warm.deepened(model, 2)
    given = torch.randn(2, 8, 8, 8), torch.tensor([3, 700]), torch.randn(2, 5, words.WIDTH)
    answer = deep(*given).sample
    assert torch.allclose(answer, model(*given).sample, atol=1e-5)
    answer.square().sum().backward()
    new = [p.grad for n, p in deep.named_parameters() if "down_blocks.1.resnets.1.conv2" in n]
    assert all(float(grad.abs().sum()) > 0 for grad in new)


def walked(folder, width, ticks=240):
    """The average of that width over a random walk, straight and as it is mixed afterwards."""
    dice, weights = torch.Generator().manual_seed(1), {"a": torch.zeros(4)}
    kept = averages.Averages.beginning(weights)
    straight = torch.zeros(4)
    for tick in range(1, ticks + 1):
        weights["a"] = weights["a"] + torch.randn(4, generator=dice)
        kept.take(weights)
        share = 1 - (1 - 1 / tick) ** (averages.power(width) + 1)
        straight = straight.lerp(weights["a"], share)
        if tick % 20 == 0:
            kept.write(folder)
    return straight, averages.of_width(folder, width)["a"], weights["a"]


@pytest.mark.parametrize("width", [0.05, 0.07, 0.15])
def test_an_average_of_any_width_can_be_mixed_afterwards(tmp_path, width):
    straight, mixed, last = walked(tmp_path, width)
    assert float((straight - mixed).abs().max()) < 0.1 * float((straight - last).abs().max())


def test_an_average_over_nothing_says_what_leaves_averages(tmp_path):
    with pytest.raises(SystemExit, match="the stage unet leaves them there"):
        averages.of_width(tmp_path, 0.1)


def test_a_contrast_asks_to_be_further_from_another_pictures_answer():
    torch.manual_seed(0)
    clean = torch.randn(4, 8, 4, 4)
    exercise = Exercise.of(clean, torch.randn_like(clean), torch.full((4,), 500))
    assert exercise.loss(exercise.target) == 0
    assert exercise.loss(exercise.target, 0.05) < 0
    assert exercise.loss(exercise.target.roll(1, 0), 0.05) > 0


def test_while_a_painter_learns_some_words_stray_and_when_it_paints_none_do():
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(len(VOCABULARY), words.WIDTH), dim=1)
    painter = unet.Painter(VOCABULARY, vectors.numpy(), blur=1.5)
    layer = painter.text.get_input_embeddings()
    tokens = torch.tensor([[1, *range(20, 40), 2, 0, 0]]).expand(200, -1)
    near = (layer(tokens) * layer.weight[tokens]).sum(-1)
    assert torch.allclose(layer(tokens).norm(dim=-1), torch.ones(()), atol=1e-5)
    moved = (near < 0.999).float()
    assert moved[:, 1:21].mean().item() == pytest.approx(words.STRAY, abs=0.03)
    assert not moved[:, [0, 21, 22, 23]].any()
    assert 0.4 < near.min().item() < 0.6
    painter.eval()
    assert torch.equal(layer(tokens), layer.weight[tokens])


def test_logit_normal_times_come_mostly_from_the_middle_and_weigh_the_same():
    torch.manual_seed(0)
    clean = torch.zeros(4000, 1, 1, 1)
    even = Exercise.drawn(clean, Method())
    middling = Exercise.drawn(clean, Method(times="logit-normal"))
    inner = [
        float(((exercise.times - STEPS / 2).abs() < STEPS / 4).float().mean())
        for exercise in (even, middling)
    ]
    assert inner[0] == pytest.approx(0.5, abs=0.05)
    assert inner[1] > 0.65
    assert len(set(middling.weight.tolist())) == 1
    assert 0 <= int(middling.times.min()) <= int(middling.times.max()) < STEPS


def test_a_run_is_painted_with_its_narrower_average_or_one_of_another_width(run_folder):
    save({"model": autoencoder.build().state_dict()}, run_folder / "autoencoder.pt")
    run = training(run_folder)
    for _ in range(2):
        run.averages.take(run.learnt)
        with torch.no_grad():
            run.learnt["unet.conv_in.weight"] += 0.001
    run.averages.write(run_folder / "averages")
    run.save()
    narrower, mixed = (sample.parts(run_folder, width)[0].state_dict() for width in (None, 0.2))
    mean, wide = (means["unet.conv_in.weight"] for means in run.averages.means)
    assert not torch.equal(mean, wide)
    assert torch.equal(narrower["conv_in.weight"], mean)
    assert narrower["conv_in.weight"].is_contiguous()
    assert torch.allclose(mixed["conv_in.weight"], mean, atol=1e-2)


def test_the_decoder_learns_alone_from_what_the_painter_goes_over(run_folder):
    stint = autoencoder.Stint(run_folder, "decoder", 0.03)
    before = {name: each.clone() for name, each in stint.model().state_dict().items()}
    save({"model": before, "steps": 7}, run_folder / "autoencoder.pt")
    with pytest.raises(SystemExit, match="unet.pt is missing"):
        decoder.train(Discs(), stint, Log(run_folder))
    training(run_folder).save()
    decoder.train(Discs(), stint, Log(run_folder))
    kept = load(run_folder / "autoencoder.pt")
    assert kept["steps"] > 7
    assert kept["paces"] == {"decoder": 1.0}
    moved = {name for name, each in kept["model"].items() if not torch.equal(each, before[name])}
    assert {name.split(".")[0] for name in moved} == {"decoder", "post_quant_conv"}


@pytest.mark.parametrize("start", [1, 50, 600, 999])
def test_a_painter_that_knows_the_picture_finds_it_again(start):
    latents = torch.randn(2, 8, 16, 16)

    def knowing(noisy, times, tokens):
        assert tokens.shape == (4, words.LENGTH)
        alpha = ALPHAS[times].view(-1, 1, 1, 1)
        return (alpha.sqrt() * noisy - latents.repeat(2, 1, 1, 1)) / (1 - alpha).sqrt()

    asked = words.numbered(words.tokenizer(VOCABULARY), ["a red apple", "a fish", "", ""])
    again = decoder.gone_over(knowing, latents, asked, start)
    assert torch.allclose(again, latents, atol=1e-3)


def test_the_last_three_checkpoints_stay(tmp_path):
    for steps in range(5):
        rotate(tmp_path / "unet.pt")
        save({"steps": steps}, tmp_path / "unet.pt")
    names = ("unet.pt", "unet-1.pt", "unet-2.pt")
    assert [load(tmp_path / name)["steps"] for name in names] == [4, 3, 2]
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(names)


def test_a_warm_start_reads_the_shipped_words_as_the_shipped_model_does():
    from transformers import CLIPTextModel

    shipped = CLIPTextModel.from_pretrained(SHIPPED / "text_encoder", torch_dtype=torch.float32)
    before = (SHIPPED / "vocab.txt").read_text("utf-8").split()
    lexicon = [*before, "feline", "kitty"]
    own = shipped.get_input_embeddings().weight.detach().numpy()
    meaning = np.concatenate([own, np.ones((2, words.WIDTH), np.float32)])
    text = warm.grown(shipped, lexicon, meaning).eval()
    spoken = {"padding": "max_length", "max_length": words.LENGTH, "return_tensors": "pt"}
    old = words.tokenizer(before)("a red apple, 3d style", **spoken).input_ids
    new = words.tokenizer(lexicon)("a red apple, 3d style", **spoken).input_ids
    with torch.no_grad():
        assert torch.equal(shipped.eval()(old)[0], text(new)[0])


def test_new_words_are_turned_into_the_space_of_the_old_ones():
    dice = np.random.default_rng(0)
    meant = {word: dice.normal(size=6) for word in "abcdefghijkl"}
    turn = np.linalg.qr(dice.normal(size=(6, 6)))[0]
    anchors = {word: meant[word] @ turn for word in "abcdefgh"}
    turned = words._turned(meant, anchors)
    assert all(np.allclose(turned[word], meant[word] @ turn) for word in "ijkl")
    assert all(turned[word] is anchors[word] for word in "abcdefgh")


def test_a_vocabulary_takes_names_of_few_pieces_first_and_all_that_captions_use(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(["the", "cat", "zeb", "##ra", "##s", "[PAD]"]))
    chosen = words.vocabulary(tmp_path, ["zxq", "zebra", "cats", "cat"])
    assert set(VOCABULARY) <= set(chosen)
    assert chosen.index("the") < chosen.index("zebra") < chosen.index("zxq")
    assert len(chosen) == len(set(chosen))
    assert "feline" in chosen
