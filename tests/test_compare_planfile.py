"""Plan files: what is written is read back, tables fill slots, and A1111 grids become plans."""

import json

import pytest

from sdplay.compare.axes import Offer, Setup
from sdplay.compare.plan import Facts, plan
from sdplay.compare.planfile import (
    EXAMPLE,
    Spec,
    from_grid,
    grid_infotext,
    outline,
    plan_of,
    read_plan,
    table_rows,
)
from sdplay.errors import BadParams
from sdplay.metadata import infotext, settings_from
from sdplay.params import Params

TOML = """
backend = "builtin"
[base]
prompt = "a red apple"
size = "128x192"
[[axes]]
axis = "Sampler"
values = ["euler", "ddim"]
[[axes]]
axis = "steps"
values = 12
"""
CSV = """# prompt: a {nation} {category}, photo
# seed: 100
nation,category,steps,pictures
Greek,family,9,2
Turkish,,,
"""
GRID = """a fox
Negative prompt: blurry
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 5, Size: 512x768, \
Script: X/Y/Z plot, \
X Type: Steps, X Values: "5, 10-20 (+5)", Y Type: Seed, Y Values: "-1,-1", Fixed Y Values: "99, \
98", \
Z Type: Sampler, Z Values: "Euler a, DPM++ 2M", Version: v1.10"""


def cells(spec, defaults=None):
    spec = spec.settled()
    return [
        cell.params
        for cell in plan(Setup("builtin", spec.params(defaults or {}, {})), spec.axes).cells
    ]


def test_json_becomes_a_plan():
    spec = read_plan(EXAMPLE)
    assert (spec.base, spec.axes) == (
        {"prompt": "a red apple"},
        (("scheduler", "euler, ddim"), ("steps", "5-20(+5)")),
    )
    assert len(cells(spec)) == 8


def test_toml_becomes_a_plan():
    made = cells(read_plan(TOML, "toml"))
    assert [(each.scheduler, each.steps, each.width, each.height) for each in made] == [
        ("euler", 12, 128, 192),
        ("ddim", 12, 128, 192),
    ]


def test_a_table_fills_the_slots_and_makes_several_pictures():
    made = cells(read_plan(CSV, "csv"))
    assert [(each.prompt, each.steps, each.seed) for each in made] == [
        (f"a {nation} family, photo", 9, seed)
        for nation in ("Greek", "Turkish")
        for seed in (100, 101)
    ]


@pytest.mark.parametrize("comma", [";", "\t"])
def test_a_table_may_come_from_a_spreadsheet(comma):
    rows = table_rows(f"nation{comma}steps\r\nGreek{comma}9\r\n\r\nDutch{comma}\r\n")
    assert [(row["{nation}"], row["steps"]) for row in rows] == [("Greek", "9"), ("Dutch", "9")]


def test_the_pictures_of_a_row_count_up_from_the_form_s_seed():
    assert [row["seed"] for row in table_rows("thing,pictures\nfox,3\n", 7)] == [7, 8, 9]


def test_rows_may_stand_in_a_json_plan_too():
    told = {
        "base": {"prompt": "a {thing}"},
        "rows": [{"thing": "fox"}, {"thing": "owl"}],
        "pictures": 2,
    }
    assert [(each.prompt, each.seed) for each in cells(plan_of(told))] == [
        ("a fox", 0),
        ("a fox", 1),
        ("a owl", 0),
        ("a owl", 1),
    ]


def test_slots_are_axes_of_their_own():
    slots = {"{nation}": "Greek, Dutch", "{category}": "family, office"}
    axes = [{"axis": name, "values": values} for name, values in slots.items()]
    told = {"base": {"prompt": "a {nation} {category}"}, "axes": axes}
    assert [each.prompt for each in cells(plan_of(told))] == [
        "a Greek family",
        "a Greek office",
        "a Dutch family",
        "a Dutch office",
    ]


def test_chance_is_settled_once():
    spec = plan_of({"base": {"seed": -1}, "pictures": 3}).settled(lambda: 40)
    assert [each.seed for each in cells(spec)] == [40, 41, 42]


def test_the_backends_defaults_lie_under_the_plan():
    made = cells(plan_of({"base": {"cfg": 3}}), {"width": 128, "cfg": 5.0})
    assert (made[0].width, made[0].cfg) == (128, 3)


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ([], "A plan has a base and axes."),
        ({"axis": []}, "A plan has no 'axis'. It may have: base, axes"),
        ({"base": {"step": 3}}, "There is no setting called 'step'."),
        ({"axes": [{"axis": "steps"}]}, "An axis has a name and values, not"),
        ({"axes": [{"axis": "colour", "values": "1"}]}, "There is no axis called 'colour'."),
        ({"pictures": 0}, "Pictures must be a whole number from 1 to 1000, not 0."),
        ({"upscale": 99}, "Upscale must be a number from 1 to 8, not 99."),
        ({"rows": "x.csv"}, "Rows must be a list of objects"),
    ],
)
def test_a_bad_plan_gets_a_sentence(told, sentence):
    with pytest.raises(BadParams, match=sentence.replace(".", r"\.").replace("[", r"\[")):
        plan_of(told)


@pytest.mark.parametrize("kind", ["json", "toml"])
def test_an_unreadable_file_gets_a_sentence(kind):
    with pytest.raises(BadParams, match=f"The plan is no valid {kind.upper()}"):
        read_plan("{", kind)


def test_an_empty_table_gets_a_sentence():
    with pytest.raises(BadParams, match="The table has no rows"):
        read_plan("nation,category\n", "csv")


def test_a_written_plan_is_read_back():
    axes = [
        ("seed", "-1, 5"),
        ("prompt_replace", "fox, owl"),
        ("size", "128x128, 64x64"),
        ("preset", "euler 30"),
    ]
    made = plan(Setup("builtin", Params("a fox")), axes, Facts(Offer(seed=lambda: 77)))
    again = cells(plan_of(json.loads(json.dumps(outline(made)))))
    assert again == [cell.params for cell in made.cells]


def test_an_a1111_grid_becomes_a_plan_with_its_fixed_seeds():
    spec = from_grid(GRID)
    assert spec.axes == (
        ("steps", "5, 10-20 (+5)"),
        ("seed", "99, 98"),
        ("scheduler", ["euler_a", "dpmpp_2m_karras"]),
    )
    made = cells(spec)
    assert len(made) == 16
    assert (made[0].prompt, made[0].negative, made[0].height) == ("a fox", "blurry", 768)


def grid(sampler, last):
    """A grid's text, as A1111 1.10.1 writes it."""
    return (
        f"a red fox\nSteps: 2, Sampler: {sampler}, CFG scale: 5.0, Seed: 7, Size: 64x64, "
        f"Model: tiny, Script: X/Y/Z plot, {last}, Version: 1.10.1"
    )


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        (
            grid(
                "Euler a, Schedule type: Automatic",
                'X Type: Seed, X Values: "-1,-1", Fixed X Values: "3609533445, 69437557", '
                'Y Type: Sampler, Y Values: "Euler a, DPM++ 2M"',
            ),
            (("seed", "3609533445, 69437557"), ("scheduler", ["euler_a", "dpmpp_2m_karras"])),
        ),
        (
            grid(
                "DPM++ 2M, Schedule type: Karras",
                'X Type: Prompt S/R, X Values: "red,blue", Y Type: Schedule type, '
                'Y Values: "Karras, Exponential"',
            ),
            (
                ("prompt_replace", "red,blue"),
                ("scheduler", ["dpmpp_2m_karras", "dpmpp_2m_exponential"]),
            ),
        ),
        (
            grid(
                "Euler a, Schedule type: Automatic",
                'X Type: Checkpoint name, X Values: "tiny.safetensors,other.safetensors", '
                'Y Type: VAE, Y Values: "None,soft.vae.safetensors"',
            ),
            (
                ("model", "tiny.safetensors,other.safetensors"),
                ("vae", "None,soft.vae.safetensors"),
            ),
        ),
        (
            grid(
                "Euler a, Schedule type: Automatic, Denoising strength: 0.5, Hires upscale: 1.5, "
                "Hires upscaler: Latent",
                'X Type: Size, X Values: "64x64,64x96", Y Type: Hires upscaler, '
                'Y Values: "Latent,Lanczos"',
            ),
            (("size", "64x64,64x96"), ("hires_upscaler", "Latent,Lanczos")),
        ),
        (
            grid(
                "Euler a, Schedule type: Automatic, Denoising strength: 0.5, Hires sampler: "
                "Euler, Hires upscale: 1.5",
                'X Type: Hires sampler, X Values: "Euler,DDIM", Y Type: Face restore, '
                'Y Values: "None,CodeFormer"',
            ),
            (("hires_sampler", "Euler,DDIM"), ("faces", ["no", "yes"])),
        ),
        (
            grid(
                "Euler a, Schedule type: Automatic, Variation seed: 1, Variation seed strength: "
                "0.3, Eta: 0.0",
                'X Type: Eta, X Values: "0,0.5", Y Type: Var. seed, Y Values: "1,2", '
                'Fixed Y Values: "1, 2"',
            ),
            (("eta", "0,0.5"), ("variation_seed", "1, 2")),
        ),
    ],
)
def test_a_true_grid_is_read_whole(text, axes):
    spec = from_grid(text)
    assert (spec.axes, spec.notes) == (axes, ())
    assert len(cells(spec)) == 4


def test_what_infotext_says_and_we_have_not_is_told():
    _, notes = settings_from(
        "a fox\nSteps: 4, Sampler: Euler a, CFG scale: 5, Seed: 7, Size: 64x64, ENSD: 31337, "
        "Token merging ratio: 0.5, RNG: CPU, Version: 1.10.1"
    )
    assert notes == [
        "None of our settings, so the picture may come out otherwise: ENSD: 31337, "
        "Token merging ratio: 0.5, RNG: CPU."
    ]


def test_an_axis_that_is_none_of_ours_is_told():
    spec = from_grid(GRID.replace("X Type: Steps", "X Type: Sigma Churn"))
    assert [name for name, _ in spec.axes] == ["seed", "scheduler"]
    assert spec.notes == (
        "The axis 'Sigma Churn' is none of ours; its first value was left as it was.",
    )


def test_a_single_picture_is_no_grid():
    with pytest.raises(BadParams, match="of a single picture"):
        from_grid(infotext(Params("a fox")))


def test_our_grids_infotext_is_read_back():
    made = plan(
        Setup("builtin", Params("a fox", steps=9)),
        [("scheduler", "euler, dpmpp_2m_karras"), ("cfg", "1-3")],
    )
    spec = from_grid(grid_infotext(made))
    assert cells(spec) == [cell.params for cell in made.cells]


def test_a_start_image_is_found_by_its_name():
    spec = plan_of({"base": {"init": "fox.png"}})
    assert spec.params({}, {"fox.png": b"bytes"}).init == b"bytes"
    with pytest.raises(
        BadParams, match=r"The plan needs the picture 'fox.png', which is not there."
    ):
        spec.params({}, {})


def test_an_empty_plan_is_one_picture():
    assert cells(Spec()) == [Params()]
