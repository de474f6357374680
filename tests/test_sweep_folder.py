"""A sweep's folder: named by the axes, added to and never wiped, and read back as a tree."""

import csv
import io
import json

import pytest
from PIL import Image

from sdplay.backends import Capabilities
from sdplay.compare.axes import Offer, Setup
from sdplay.compare.evidence.measures import look, pixels_hash
from sdplay.compare.plan import Facts, plan
from sdplay.compare.planfile import plan_of
from sdplay.compare.results import Result
from sdplay.errors import BackendRefused, BadParams
from sdplay.params import Params
from sdplay.picture import Timing, png_bytes
from sdplay.sweeps.folder import Folder, earlier, recalled, tree
from sdplay.sweeps.machine.meter import Meter
from sdplay.sweeps.upscale import Enlarging, Upscale
from tests.making import Painter

BASE = Setup("builtin", Params("a {nation} fox", width=64, height=64))


def places(axes, base=BASE, facts=None, path=None):
    planned = plan(base, axes, facts)
    folder = Folder(path, planned)
    return [folder.place(cell).as_posix() for cell in planned.cells]


@pytest.mark.parametrize(
    ("axes", "first", "last"),
    [
        (
            [("scheduler", "euler, ddim"), ("steps", "5, 10")],
            "scheduler=euler/steps=5.png",
            "scheduler=ddim/steps=10.png",
        ),
        ([("steps", "5, 10")], "steps/5.png", "steps/10.png"),
        ([], "picture.png", "picture.png"),
        ([("prompt", "a/../b || c:d?")], "prompt/a-..-b.png", "prompt/c-d.png"),
        (
            [("{nation}", "Greek, Dutch"), ("seed", "1-2")],
            "nation=Greek/seed=1.png",
            "nation=Dutch/seed=2.png",
        ),
    ],
)
def test_paths_are_named_by_the_axes(tmp_path, axes, first, last):
    made = places(axes, path=tmp_path)
    assert (made[0], made[-1]) == (first, last)


def test_rows_of_a_table_give_a_folder_for_each_slot(tmp_path):
    rows = [
        {"{nation}": "Greek", "steps": 3, "name": "Greek one"},
        {"{nation}": "Dutch", "steps": 4, "name": "Dutch one"},
    ]
    assert places([("preset", rows)], path=tmp_path) == [
        "nation=Greek/Greek-one.png",
        "nation=Dutch/Dutch-one.png",
    ]


def test_start_images_mirror_their_tree(tmp_path):
    offer = Offer(pictures={"a/x.jpg": b"1", "a/x.png": b"2", "b/x.png": b"3"})
    made = places([("init", list(offer.pictures))], facts=Facts(offer), path=tmp_path)
    assert made == ["a/x.png", "a/x~2.png", "b/x.png"]


def test_no_two_cells_share_a_file_and_none_leaves_the_folder(tmp_path):
    prompts = ["a" * 300, "a" * 301, "a b", "a-b", "../../etc", "..", "/", "狐 ä", "CON"]
    made = places([("prompt", prompts), ("seed", "1-3")], path=tmp_path)
    assert len(set(made)) == 27
    assert all((tmp_path / place).resolve().is_relative_to(tmp_path) for place in made)


def test_no_two_cells_share_a_file_where_the_disk_reads_two_names_as_one(tmp_path):
    made = places([("prompt", ["Fox", "fox", "FOX", "caf\u00e9", "cafe\u0301"])], path=tmp_path)
    assert made == [
        "prompt/Fox.png",
        "prompt/fox~2.png",
        "prompt/FOX~3.png",
        "prompt/caf\u00e9.png",
        "prompt/caf\u00e9~2.png",
    ]


def test_no_file_is_named_like_a_device_of_windows(tmp_path):
    offer = Offer(pictures={"aux/nul.png": b"1", "lpt1.png": b"2", "lpt10.png": b"3"})
    made = places([("init", list(offer.pictures))], facts=Facts(offer), path=tmp_path)
    assert made == ["_aux/_nul.png", "_lpt1.png", "lpt10.png"]


def ran(tmp_path, axes=(("steps", "5, 10"), ("seed", "1, 2"))):
    planned = plan(BASE, axes)
    folder = Folder(tmp_path, planned).begin()
    results = {}
    for cell in reversed(planned.cells):
        image = Image.new("RGB", (64, 64), (cell.params.steps, cell.params.seed, 0))
        result = Result(cell, "made", pixels_hash(image), look(image), Timing(1.0), "m 1")
        results[cell.at] = folder.keep(result, png_bytes(image))
    folder.finish(results, "Test")
    folder.end()
    return folder, results


def rows(tmp_path):
    with (tmp_path / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_everything_is_in_the_folder(tmp_path):
    ran(tmp_path)
    files = {
        path.relative_to(tmp_path).as_posix()
        for path in tmp_path.rglob("[!.]*")
        if path.is_file() and ".sweep" not in path.parts
    }
    assert files == {
        "plan.json",
        "results.csv",
        "sheet.png",
        "report.html",
        "experiment.json",
        "steps=5/seed=1.png",
        "steps=5/seed=2.png",
        "steps=10/seed=1.png",
        "steps=10/seed=2.png",
    }


def test_a_picture_has_one_row_however_often_the_plan_runs(tmp_path):
    ran(tmp_path)
    ran(tmp_path)
    made = rows(tmp_path)
    assert sorted(each["file"] for each in made) == [
        f"steps={steps}/seed={seed}.png" for steps in (10, 5) for seed in (1, 2)
    ]


def test_lines_of_others_stay_in_the_table(tmp_path):
    ran(tmp_path, [("steps", "5")])
    table = tmp_path / "results.csv"
    note = "my note" + "," * (table.read_text().splitlines()[0].count(","))
    table.write_text(f"{table.read_text()}{note}\n")
    ran(tmp_path, [("steps", "5, 6")])
    assert [each["when"] for each in rows(tmp_path)][1] == "my note"
    assert len(rows(tmp_path)) == 3


def test_rows_are_measured_against_the_first_cell(tmp_path):
    ran(tmp_path)
    by_file = {each["file"]: each for each in rows(tmp_path)}
    assert float(by_file["steps=5/seed=1.png"]["ssim"]) == 1
    assert 0 < float(by_file["steps=10/seed=2.png"]["mean_difference"]) < 1


def test_a_table_with_other_columns_is_left_alone(tmp_path):
    (tmp_path / "results.csv").write_text("mine\n1\n")
    ran(tmp_path)
    assert (tmp_path / "results.csv").read_text() == "mine\n1\n"
    assert (tmp_path / "results-2.csv").read_text().startswith("when,cell,state,")


def test_a_rerun_is_laid_against_the_last(tmp_path):
    folder, results = ran(tmp_path)
    assert folder.laid_against(results, earlier(tmp_path)).same == 4
    assert folder.laid_against(results, "") is None
    assert folder.laid_against(results, "{") is None


def test_chance_is_remembered_by_the_folder(tmp_path):
    told = {
        "base": {"seed": -1, "prompt": "a {nation}"},
        "axes": [{"axis": "steps", "values": "1-3"}],
    }
    spec = plan_of(told)
    first = spec.settled()
    Folder(tmp_path, plan(Setup("builtin", first.params({}, {})), first.axes)).begin().end()
    assert recalled(spec, tmp_path).base["seed"] == first.base["seed"]
    assert recalled(plan_of({"base": {"seed": 5}}), tmp_path).base["seed"] == 5


def test_a_seed_axis_of_chance_is_remembered_too(tmp_path):
    spec = plan_of({"axes": [{"axis": "seed", "values": "-1, 3"}]})
    planned = plan(BASE, spec.axes)
    Folder(tmp_path, planned).begin().end()
    again = plan(BASE, recalled(spec, tmp_path).axes)
    assert [cell.params for cell in again.cells] == [cell.params for cell in planned.cells]


def test_a_plan_file_in_the_folder_can_be_run(tmp_path):
    folder, _ = ran(tmp_path)
    spec = plan_of(json.loads((tmp_path / "plan.json").read_text()))
    assert [
        cell.params for cell in plan(Setup("builtin", spec.params({}, {})), spec.axes).cells
    ] == [cell.params for cell in folder.plan.cells]


def test_a_tree_is_read_with_its_bad_files_told(tmp_path):
    whole = png_bytes(Image.effect_noise((64, 64), 50))
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "a.png").write_bytes(whole)
    (tmp_path / "deep/er/b.PNG").write_bytes(whole)
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "notes.txt").write_text("x")
    found, notes = tree(tmp_path)
    assert list(found) == ["a.png", "deep/er/b.PNG"]
    assert notes == [
        "cut.png was left out: the file is damaged.",
        "notes.txt was left out: it is no picture file.",
    ]


@pytest.mark.parametrize(
    ("name", "sentence"), [("nowhere", "There is no folder"), ("empty", "There is no picture in")]
)
def test_a_tree_without_pictures_gets_a_sentence(tmp_path, name, sentence):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadParams, match=sentence):
        tree(tmp_path / name)


def test_kept_pictures_are_read_back(tmp_path):
    folder, results = ran(tmp_path)
    with Image.open(io.BytesIO((tmp_path / "sheet.png").read_bytes())) as drawn:
        assert drawn.width > 128
    assert folder.picture(results[(1, 0)]).getpixel((0, 0)) == (10, 1, 0)


class Enlarger(Painter):
    def probe(self):
        return Capabilities(features=frozenset({"upscale"}))

    def upscale(self, image, factor, upscaler):
        if image.getpixel((0, 0)) == (255, 0, 0):
            raise BackendRefused("No red pictures. Take another.")
        return image.resize((int(image.width * factor), int(image.height * factor)))


def enlarged(source, out, factor=2.0):
    found, _ = tree(source)
    work = Upscale(found, Enlarging(Enlarger(), factor, "Lanczos"), out, Meter())
    return [(each.name, each.state, each.error) for each in work.run()]


@pytest.fixture
def stage(tmp_path):
    for name, colour in (("a/x.png", "blue"), ("a/x.jpg", "blue"), ("b.png", "red")):
        file = tmp_path / "stage" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48), colour).save(file)
    return tmp_path / "stage"


def test_a_tree_is_enlarged_once_and_mirrored(tmp_path, stage):
    first, second = (enlarged(stage, tmp_path / "out") for _ in range(2))
    assert [state for _, state, _ in first] == ["made", "made", "failed"]
    assert [state for _, state, _ in second] == ["reused", "reused", "failed"]
    assert first[2][2] == "No red pictures. Take another."
    assert sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")
    ) == ["a/x.jpg.png", "a/x.png.png"]
    with Image.open(tmp_path / "out/a/x.png.png") as made:
        assert made.size == (128, 96)
        assert made.info["parameters"].endswith(
            "Postprocess upscale by: 2, Postprocess upscaler: Lanczos"
        )


def test_enlarging_writes_a_row_with_seconds_for_each_picture(tmp_path, stage):
    for _ in range(2):
        enlarged(stage, tmp_path / "out")
    made = [row for row in rows(tmp_path / "out") if row["state"] == "made"]
    failed = [row for row in rows(tmp_path / "out") if row["state"] == "failed"]
    assert [(row["source"], row["width"], row["factor"]) for row in made] == [
        ("a/x.jpg", "128", "2"),
        ("a/x.png", "128", "2"),
    ]
    assert all(float(row["seconds"]) >= 0 and float(row["ram_mb"]) > 1 for row in made)
    assert [row["error"] for row in failed] == ["No red pictures. Take another."] * 2


def test_another_factor_is_enlarged_anew_and_the_first_is_put_aside(tmp_path, stage):
    enlarged(stage, tmp_path / "out")
    again = enlarged(stage, tmp_path / "out", 3.0)
    assert [state for _, state, _ in again] == ["made", "made", "failed"]
    widths = []
    for file in sorted((tmp_path / "out/a").iterdir()):
        with Image.open(file) as opened:
            widths.append(opened.width)
    assert sorted(widths) == [128, 128, 192, 192]


def test_a_backend_that_cannot_enlarge_says_so(tmp_path):
    with pytest.raises(BadParams, match="Painter cannot enlarge pictures"):
        Upscale({}, Enlarging(Painter(), 2), tmp_path, Meter())


def test_what_was_written_is_no_source_of_the_next_run(tmp_path, stage):
    enlarged(stage, stage / "out")
    assert list(tree(stage, without=stage / "out")[0]) == ["a/x.jpg", "a/x.png", "b.png"]
