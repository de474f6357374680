"""A chain: every stage begins with the picture before it, all are kept and linked, and the second
time only what is missing is made."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

import pytest
from PIL import Image

from sdplay.backends import Capabilities
from sdplay.backends.builtin import Builtin
from sdplay.chain import STAGES as KINDS
from sdplay.chain import StagePicture, Workshop, base, check, draft, follow, read_chain
from sdplay.cli.main import main
from sdplay.errors import BackendRefused, BadParams
from sdplay.library import Library
from sdplay.params import Params
from sdplay.picture import CutOut
from tests.making import Painter

ALL = frozenset({"seed", "steps", "img2img", "refiner", "hires", "upscale", "cutouts", "models"})
SIZE = {"width": 64, "height": 64, "steps": 1}
STAGES = [
    {"stage": "base", "prompt": "an apple", "seed": 7, **SIZE},
    {"stage": "refiner", "refiner": "fine", "refiner_at": 0.8},
    {"stage": "hires", "hires_scale": 2.0},
    {"stage": "upscale", "upscaler": "4x", "factor": 2},
    {"stage": "img2img", "model": "other", "strength": 0.3},
    {"stage": "cut-outs"},
]


class Handy(Painter):
    """Does every stage; refuses to enlarge as long as it is told to."""

    stubborn = False

    def probe(self):
        return Capabilities(features=ALL, unknown=frozenset(), upscalers=("4x",))

    def enlarge(self, image, how):
        if self.stubborn:
            raise BackendRefused("The upscaler is busy. Try again later.")
        self.made.append(how)
        yield image.resize((int(image.width * how.factor), int(image.height * how.factor)))

    def cut_out(self, image):
        thing = Image.new("RGBA", (20, 10), (200, 0, 0, 128))
        return [CutOut(thing, (at, 0, at + 20, 10), 0.9, "sam") for at in (0, 30)]


@pytest.fixture
def library(tmp_path):
    opened = Library(tmp_path / "home")
    yield opened
    opened.close()


def chain_of(*stages, **fields):
    return read_chain(json.dumps({"name": "Apple!", "stages": stages, **fields}))


def followed(chain, backend, library):
    check(chain, backend, backend.probe())
    steps = follow(chain, base(chain, backend.probe()), Workshop(backend, library, "ann"))
    return [step for step in steps if isinstance(step, StagePicture)]


def test_every_stage_begins_with_the_picture_before_it(library):
    backend = Handy()
    links = followed(chain_of(*STAGES), backend, library)
    assert [link.at for link in links] == [0, 1, 2, 3, 4, 5, 5]
    assert [link.source and link.source.id for link in links] == [
        None,
        *(link.saved.id for link in links[:5]),
        links[4].saved.id,
    ]
    assert [link.saved.width for link in links] == [64, 64, 64, 128, 128, 20, 20]
    first, refined, large, how, repainted = backend.made
    assert (first.refiner, refined.refiner, refined.refiner_at) == ("", "fine", 0.8)
    assert (large.refiner, large.hires_scale, how.upscaler) == ("fine", 2.0, "4x")
    assert (repainted.model, repainted.strength, repainted.width) == ("other", 0.3, 128)
    assert (repainted.refiner, repainted.hires_scale) == ("", 1.0)
    assert bytes(repainted.init) == library.data(links[3].saved)


def test_its_pictures_are_found_by_its_name(library):
    links = followed(chain_of(*STAGES), Handy(), library)
    found = library.page("tag=chain-apple", "ann").pictures
    assert {picture.id for picture in found} == {link.saved.id for link in links}


def test_a_draft_has_the_form_and_every_stage_that_the_backend_can_do():
    backend, params = Handy(), Params("an äpple", "a leaf", "heun", 3, 4.5, 7, 64, 128)
    capabilities = replace(backend.probe(), models=("fine", "other"), upscalers=("None", "4x"))
    chain = read_chain(draft(params, capabilities))
    check(chain, backend, capabilities)
    assert [stage.name for stage in chain.stages] == list(KINDS)
    assert base(chain, capabilities) == params


def test_a_draft_leaves_out_what_the_backend_cannot_do():
    backend = Builtin()
    chain = read_chain(draft(Params(seed=7), backend.probe()))
    check(chain, backend, backend.probe())
    assert [stage.name for stage in chain.stages] == ["base", "img2img"]


def test_it_goes_on_where_it_stopped(library):
    backend, chain = Handy(), chain_of(*STAGES)
    backend.stubborn = True
    with pytest.raises(BackendRefused):
        followed(chain, backend, library)
    assert len(backend.made) == 3
    backend.stubborn = False
    links = followed(chain, backend, library)
    again = followed(chain, backend, library)
    assert len(backend.made) == 5
    assert [link.saved.id for link in again] == [link.saved.id for link in links]


def test_stopping_closes_the_backend(library):
    backend, chain = Handy(), chain_of(STAGES[0] | {"steps": 9})
    steps = follow(chain, base(chain, backend.probe()), Workshop(backend, library))
    next(steps)
    steps.close()
    assert (backend.stopped, library.recent()) == (1, [])


@pytest.mark.parametrize(
    ("stages", "sentence"),
    [
        ([{"stage": "img2img"}], "A chain begins with the stage base"),
        ([STAGES[0], STAGES[0]], "A chain begins with the stage base"),
        ([STAGES[0], {"stage": "cut-outs"}, STAGES[4]], "Nothing can follow cut-outs"),
        ([{"stage": "bass"}], "Each stage says which it is: base, refiner, hires"),
        ([STAGES[0], {"stage": "hires"}], "The stage hires needs hires_scale"),
        ([STAGES[0], {"stage": "refiner"}], "The stage refiner needs refiner"),
        ([STAGES[0], {"stage": "upscale", "upscaler": "x", "by": 2}], "The stage upscale has no"),
        ([STAGES[0], {"stage": "cut-outs", "by": 2}], "The stage cut-outs has no 'by'. It has no"),
        ([STAGES[0], {"stage": "img2img", "strenth": 1}], "There is no setting called 'strenth'"),
        ([STAGES[0], {"stage": "img2img", "init": "a.png"}], "Start image is a picture"),
        ([STAGES[0], {"stage": "img2img", "strength": 3}], "Strength must be between 0 and 1"),
        ([STAGES[0], {"stage": "upscale", "upscaler": "5x"}], "There is no upscaler called '5x'"),
        (
            [STAGES[0], {"stage": "upscale", "upscaler": "4x", "factor": 9}],
            "An upscale's factor must be over 1 and at most 4, not 9.",
        ),
        ([{"stage": "base", "seed": -1}], "A chain goes on where it stopped"),
        ([], "A chain has a list of stages."),
    ],
)
def test_a_chain_that_cannot_be_is_told_before_its_first_picture(library, stages, sentence):
    with pytest.raises(BadParams) as refused:
        followed(chain_of(*stages), Handy(), library)
    assert str(refused.value).startswith(sentence)


def ran(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(map(str, arguments)))
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "apple.json"
    base = {"stage": "base", "prompt": "an apple", "seed": 7, "size": "128x128", "steps": 2}
    file.write_text(json.dumps({"stages": [base, {"stage": "img2img", "strength": 0.5}]}))
    return file


def test_the_command_writes_every_picture_and_what_came_from_what(plan):
    code, said, trouble = ran("chain", plan)
    assert (code, len(said.splitlines())) == (0, 2), trouble
    folder = plan.with_name("apple-chain")
    assert {file.name for file in folder.iterdir()} == {
        "1-base.png",
        "2-img2img.png",
        "chain.json",
    }
    listed = json.loads((folder / "chain.json").read_text())
    assert [(each["stage"], each["made_from"]) for each in listed] == [
        ("base", ""),
        ("img2img", "1-base.png"),
    ]


def test_a_stage_that_the_backend_lacks_is_told(plan):
    plan.write_text(json.dumps({"stages": [STAGES[0], STAGES[3]]}))
    code, _, said = ran("chain", plan)
    assert (code, "cannot do the stage upscale" in said) == (2, True), said


def test_a_toml_chain_is_read(plan):
    toml = plan.with_suffix(".toml")
    toml.write_text('[[stages]]\nstage = "base"\nprompt = "a fox"\nsize = "128x128"\nsteps = 2\n')
    code, said, trouble = ran("chain", toml, "--out", "here")
    assert (code, said.startswith("here/1-base.png  128 × 128")) == (0, True), trouble
