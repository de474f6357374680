"""The commands `sheet` and `animate` on folders of pictures, whoever made them."""

import io
from contextlib import redirect_stderr, redirect_stdout

import pytest
from PIL import Image

from sdplay.cli.main import main
from sdplay.compare.exports.contact import in_order, label, labels_of, shots
from sdplay.metadata import sign
from sdplay.params import Params
from sdplay.picture import Picture, Receipt, Timing, png_bytes
from sdplay.sweeps.folder import tree


def ran(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(map(str, arguments)))
    return code, out.getvalue(), err.getvalue()


def made(file, **settings):
    """A picture that carries its settings, as red as its CFG."""
    params = Params(**{"prompt": "лиса", "width": 64, "height": 64, **settings})
    data = png_bytes(Image.new("RGB", (64, 64), (int(params.cfg * 8), 90, 20)))
    receipt = Receipt(params.asked(), {}, {})
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(sign(data, Picture(data, params, "test", Timing(1.0), receipt)))


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, cfg in (("a/z.png", 2.0), ("b.png", 10.0), ("папка/a.png", 9.0)):
        made(tmp_path / "pictures" / name, cfg=cfg)
    return tmp_path / "pictures"


def reds(file):
    with Image.open(file) as opened:
        found = []
        for at in range(getattr(opened, "n_frames", 1)):
            opened.seek(at)
            found.append(opened.convert("RGB").getpixel((5, 5))[0])
    return found


def test_an_animation_follows_the_one_number_that_differs(pictures):
    code, said, _ = ran("animate", pictures, "--out", "walk.gif")
    assert (code, said.split("  ")[0]) == (0, "walk.gif")
    assert reds("walk.gif") == pytest.approx([16, 72, 80], abs=6)


def test_an_animation_by_name_counts_as_people_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in (10, 9, 1):
        Image.new("RGB", (32, 32), (number * 20, 0, 0)).resize((32, 32)).save(f"{number}.jpg")
    code, _, _ = ran("animate", tmp_path, "--by", "name", "--out", "walk.webp", "--ping-pong")
    assert code == 0
    assert reds("walk.webp") == pytest.approx([20, 180, 200, 180], abs=12)


def test_a_sheet_shows_every_picture_once_and_is_no_picture_of_the_next(pictures):
    (pictures / "results.csv").write_text("a table\n")
    code, said, noted = ran("sheet", pictures)
    assert noted == ""
    assert (code, said) == (0, f"pictures-sheet.png  3 pictures, {said.split()[-2]} KB\n")
    (pictures.parent / "pictures-sheet.png").rename(pictures / "sheet.png")
    ran("animate", pictures, "--out", pictures / "walk.gif")
    code, said, _ = ran("sheet", pictures, "--columns", "3", "--longest", "64")
    assert said.startswith("pictures-sheet.png  3 pictures")
    with Image.open("pictures-sheet.png") as sheet:
        assert (sheet.width, sheet.height) == (8 + 3 * 72, 8 + 64 + 34 + 8)
        assert [sheet.getpixel((40 + 72 * at, 40))[0] for at in range(3)] == [16, 72, 80]


def test_the_second_sheet_takes_a_free_name(pictures):
    names = [ran("sheet", pictures)[1].split("  ")[0] for _ in range(2)]
    assert names == ["pictures-sheet.png", "pictures-sheet-2.png"]


def test_labels_are_what_differs_or_the_name(pictures):
    Image.new("RGB", (64, 64)).save(pictures / "plain.png")
    found, _ = tree(pictures)
    ordered, by = in_order(shots(found))
    assert by == "cfg"
    assert [label(shot, labels_of(ordered, by)) for shot in ordered] == [
        "CFG scale 2",
        "CFG scale 9",
        "CFG scale 10",
        "plain",
    ]


def test_words_order_a_sheet_too(tmp_path):
    for name, scheduler in (("1.png", "heun"), ("2.png", "ddim"), ("3.png", "euler")):
        made(tmp_path / name, scheduler=scheduler)
    ordered, _ = in_order(shots(tree(tmp_path)[0]), "scheduler")
    assert [shot.settings["scheduler"] for shot in ordered] == ["ddim", "euler", "heun"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("sheet", "nowhere"), "There is no folder nowhere."),
        (("sheet", "empty"), "There is no picture in empty."),
        (("sheet", "pictures", "--by", "colour"), "Pictures have no 'colour' to go by."),
        (("sheet", "plain", "--by", "steps"), "None of these pictures carries the setting Steps."),
        (("sheet", "pictures", "--out", "a.jpg"), "--out must end with .png, not 'a.jpg'."),
        (("sheet", "pictures", "--every", "0"), "--every must be at least 1, not 0."),
        (("sheet", "pictures", "--columns", "-1"), "--columns must be at least 1, not -1."),
        (("animate", "pictures", "--out", "a.avi"), "--out must end with .gif or .webp or .mp4"),
        (("animate", "pictures", "--seconds", "0"), "--seconds must be between 0.02 and 60"),
    ],
)
def test_what_cannot_be_gets_a_sentence(pictures, arguments, sentence):
    (pictures.parent / "empty").mkdir()
    (pictures.parent / "plain").mkdir()
    Image.new("RGB", (64, 64)).save(pictures.parent / "plain/a.png")
    code, _, said = ran(*arguments)
    assert (code, said.startswith(sentence)) == (2, True), said


def test_a_file_where_the_folder_should_be_is_told(pictures):
    (pictures.parent / "file").write_text("")
    code, _, said = ran("sheet", pictures, "--out", "file/sheet.png")
    assert (code, said.startswith("file/sheet.png could not be written")) == (1, True)
