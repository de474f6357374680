"""The report: whole in one file, safe with hostile text, and readable without a server."""

import base64
import re
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from PIL import Image

from sdplay.compare.axes import Setup
from sdplay.compare.exports import line_ends
from sdplay.compare.exports.charts import Bar, Line, chart, ranges, table
from sdplay.compare.exports.report import report
from sdplay.compare.plan import plan
from sdplay.compare.results import Result
from sdplay.params import Params
from sdplay.picture import Timing

HOSTILE = '<script>alert(1)</script> "fox" & co'
BASE = Setup("builtin", Params(HOSTILE, width=64, height=64))


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.sources = [], "", []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [
            value for name, value in attrs if name in ("src", "href", "srcset", "action")
        ]

    def handle_data(self, data):
        self.text += data


def read(axes, **more):
    planned = plan(BASE, axes)
    results = {
        cell.at: Result(cell, "made", "x", timing=Timing(cell.params.steps / 10))
        for cell in planned.cells
    }
    results |= more.pop("changed", {})
    text = report(
        planned,
        results,
        lambda result: Image.new("RGB", (64, 64), (result.cell.params.steps, 0, 0)),
        **more,
    )
    reader = Reader()
    reader.feed(text)
    return text, reader


def test_every_cell_is_inside_the_file():
    text, reader = read([("scheduler", "euler, ddim"), ("steps", "5-20(+5)"), ("seed", "1, 2")])
    pictures = [source for source in reader.sources if source.startswith("data:image/jpeg;base64,")]
    assert len(pictures) == reader.tags.count("img") == 16
    assert text.count('<div class="grid-of"><table>') == 2


def test_the_first_axis_runs_across_as_on_the_page():
    text, _ = read([("steps", "5, 10"), ("cfg", "1, 3")])
    grid = text.partition("<svg")[0]
    assert re.findall("<th scope=(col|row)>([^<]*)", grid)[-4:] == [
        ("col", "Steps: 5"),
        ("col", "Steps: 10"),
        ("row", "CFG scale: 1"),
        ("row", "CFG scale: 3"),
    ]


def test_nothing_is_loaded_from_elsewhere():
    text, reader = read([("steps", "5, 10")])
    assert all(source.startswith("data:") for source in reader.sources)
    assert not re.search(r"https?://|@import|url\(", text)
    assert "default-src 'none'" in text


def test_hostile_text_stays_text():
    changed = {(0,): Result(plan(BASE, [("steps", "5, 10")]).cells[0], "failed", error=HOSTILE)}
    text, reader = read([("steps", "5, 10")], title=HOSTILE, sentences=[HOSTILE], changed=changed)
    assert "script" not in reader.tags
    assert reader.text.count(HOSTILE) >= 4
    assert "<script>" not in text


def test_guard_counts_and_findings_stand_on_top():
    _, reader = read([("scheduler", "euler, ddim"), ("steps", "5, 10, 20, 40")])
    assert "Along Scheduler, 1 thing differs: scheduler." in reader.text
    assert "8 cells: 8 made in 15.0 s of work." in reader.text
    assert "settings" in reader.text
    assert reader.tags.count("svg") == 4


def test_a_single_picture_is_a_report_too():
    assert read([])[1].tags.count("img") == 1


@pytest.mark.parametrize("points", [((0.0, 0.0),), ((1.0, 2.0), (float("nan"), 1.0), (3.0, 0.5))])
def test_charts_are_well_formed(points):
    drawn = chart([Line("<a> & b", points, ((1.0, 0.5, "<here>"),))], "x & y", "<up>")
    assert ElementTree.fromstring(drawn).tag == "svg"
    assert "nan" not in drawn


def test_a_chart_of_nothing_is_nothing():
    assert chart([Line("a", ())], "x", "y") == ""


def test_every_chart_has_its_table_and_its_csv_in_the_file():
    text, reader = read([("scheduler", "euler, ddim"), ("steps", "5, 10, 20, 40")])
    assert text.count("<summary>As a table</summary>") == reader.tags.count("svg")
    files = dict(re.findall(r'<a download="([^"]*)" href="data:text/csv;base64,([^"]*)"', text))
    assert set(files) == {"sdplay-curves.csv", "sdplay-trade.csv"}
    lines = base64.b64decode(files["sdplay-curves.csv"]).decode("utf-8-sig").splitlines()
    assert len(lines) == 1 + 2 * 4
    assert lines[0].startswith("Curve,Picture,Steps,")


def test_the_report_shows_the_spread_over_seeds():
    text, _ = read([("scheduler", "euler, ddim"), ("steps", "5, 40"), ("seed", "1, 2, 3")])
    _, _, spread = text.partition("Is it the setting, or the seed?")
    drawn = spread[: spread.index("</svg>")]
    assert re.findall("<text[^>]*>([^<]*(?:Euler|DDIM)[^<]*)<", drawn)[:3] == [
        "DDIM · 40 steps",
        "Euler · 5 steps",
        "DDIM · 5 steps",
    ]
    assert drawn.count("<circle") == 3
    assert 'download="sdplay-seeds.csv"' in spread


def test_no_name_of_a_range_is_cut_and_none_lies_on_another():
    long = "a very long label of a setting, " * 12
    drawn = ranges([Bar(long, 0.0, 0.0, 0.0), Bar("<b>", 0.1, 0.2, 0.4)], "x & y")
    told = " ".join(ElementTree.fromstring(drawn).itertext())
    assert " ".join(long.split()) in " ".join(told.split())
    heights = [float(y) for y in re.findall(r'<text x="46" y="([^"]*)">', drawn)]
    assert heights == sorted(set(heights))
    assert ranges([], "x") == ""


def test_a_table_of_a_chart_shows_hostile_names_as_text_and_no_figure_for_what_is_missing():
    drawn = table(("Setting", "x"), [(HOSTILE, float("nan")), ("=1+1", -0.5)], "file")
    assert "<script>" not in drawn
    data = re.search(r"base64,([^\"]*)", drawn)[1]
    rows = base64.b64decode(data).decode("utf-8-sig").splitlines()
    assert rows[1].endswith(",")
    assert rows[2] == "'=1+1,-0.5"


def test_lines_have_their_names_at_their_ends_apart_from_each_other():
    lines = [Line(name, ((1.0, 0.5), (8.0, 0.0))) for name in ("Euler", "DDIM", "UniPC")]
    drawn = chart(lines, "x", "y")
    names = dict(re.findall(r'y="([\d.]+)">(Euler|DDIM|UniPC)<', drawn))
    heights = sorted(map(float, names))
    assert len(heights) == 3
    assert all(b - a >= line_ends.LINE - 0.2 for a, b in pairwise(heights))
    assert "<rect" not in drawn


def test_no_legend_is_cut():
    long = "a very long label of a curve, " * 12
    drawn = chart([Line(long, ((0.0, 1.0), (2.0, 1.0))), Line("b", ((1.0, 1.0),))], "x", "y")
    told = " ".join(ElementTree.fromstring(drawn).itertext())
    assert " ".join(long.split()) in " ".join(told.split())
    lowest = max(float(y) for y in re.findall(r'<text x="[^"]*" y="([^"]*)"', drawn))
    assert lowest < float(re.search(r'viewBox="0 0 640 (\d+)"', drawn)[1])


def test_the_reference_and_both_measures_stand_in_the_report():
    text, reader = read([("scheduler", "euler, ddim"), ("steps", "5, 10, 20, 40")])
    assert "the reference: Euler · 40 steps" in text
    assert "colour distance to the reference" in text
    assert "The same by 1 − SSIM" in reader.text
    assert "sees shapes and texture, and is nearly blind to colour" in reader.text


def test_the_verdict_stands_at_the_top():
    _, reader = read([("steps", "5, 10, 20, 40")], sentences=["Reproduced: all 4."])
    places = [reader.text.index(each) for each in ("Reproduced", "Measured", "1 thing differs")]
    assert places == sorted(places)
