"""Lessons: read from files, refused in a sentence, measured, and printed as worksheets."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from sdplay.backends import connect
from sdplay.backends.builtin import Builtin
from sdplay.cli.main import main
from sdplay.errors import BadParams
from sdplay.lessons import checking, quiz, shelf
from sdplay.lessons.claims import MEASURES, OF_TWO, read_condition
from sdplay.lessons.lesson import read_lesson
from sdplay.lessons.record import Answered, Record, progress_table, read_record
from sdplay.lessons.worksheet import worksheet
from tests.fakes import huge, sends, site
from tests.suites import in_full

COURSE = shelf.course()
ABOUT = (
    "Steps",
    "Scheduler",
    "CFG scale",
    "Negative prompt",
    "Seed",
    "Strength",
    "Size",
    "Stopping early",
    "Noise schedule",
    "Setting or seed",
)
LESSON = (shelf.COURSE / "01-steps.toml").read_text()


def changed(old, new, text=LESSON):
    assert old in text
    return text.replace(old, new, 1)


def test_there_are_ten_lessons_in_their_order():
    assert tuple(lesson.about for lesson in COURSE) == ABOUT


PROMPTS = in_full(None, 2)


def sampled(lesson):
    """The lesson with so many of the prompts that its claim is checked with."""
    return replace(lesson, check=replace(lesson.check, prompts=lesson.check.prompts[:PROMPTS]))


class Remembering(Builtin):
    """The built-in model, which makes a picture that several lessons look at only once."""

    def __init__(self):
        self.pictures = {}

    def generate(self, params):
        picture = self.pictures.get(params)
        if picture is None or (self.keep_frames and not picture.frames):
            *_, picture = super().generate(params)
            self.pictures[params] = picture
        yield picture


@pytest.fixture(scope="module")
def model():
    return Remembering()


# The last first: of its pictures one lesson looks at every step, others at the end alone.
@pytest.mark.parametrize("lesson", COURSE[::-1], ids=lambda lesson: lesson.id)
def test_a_claim_holds_for_as_many_prompts_as_its_file_says(lesson, model):
    """Anew after a change: python -m sdplay lesson check sdplay/lessons/course/*.toml --write"""
    sample, written = sampled(lesson), lesson.measured
    base = lesson.setup(model.name, model.probe()).params
    measured = checking.counted(checking.check(sample, model), model.model_version(base))
    holds = [prompt for prompt in sample.check.prompts if prompt not in written.against]
    assert measured.model == written.model
    assert (measured.of, written.of) == (len(sample.check.prompts), len(lesson.check.prompts))
    assert abs(measured.held - len(holds)) <= 1, "other processors round differently, so little"
    assert measured.of - measured.held <= (1 - checking.ENOUGH) * written.of
    assert checking.enough(written)
    assert written.of >= 8


def test_a_check_draws_only_the_frame_that_its_claim_is_about(model):
    lesson = sampled(next(lesson for lesson in COURSE if lesson.id == "trajectory"))
    checking.check(lesson, model)
    frames = [[frame.step for frame in picture.frames] for picture in model.pictures.values()]
    assert frames.count([8]) == len(lesson.check.prompts)
    assert {len(steps) for steps in frames} == {0, 1}


def test_a_claim_that_does_not_hold_ends_with_one_and_says_so(tmp_path, capsys):
    file = tmp_path / "wrong.toml"
    text = changed("distance(four, eight) > distance(sixteen, more)", "distance(four, eight) < 0")
    file.write_text(re.sub(r"prompts = \[.*?\]", 'prompts = ["a fox"]', text, flags=re.DOTALL))
    assert main(["lesson", "check", str(file), "--write", "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)[0]["held"] == 0
    assert said.err.strip() == "1 of 1 claims hold for fewer than 80 %."
    assert shelf.read_file(file).measured.against == ("a fox",)
    assert file.read_text().count("[measured]") == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it needs title"),
        ("title = [", "TOML|Invalid value"),
        ("x" * 70_000, "more than 60,000 letters"),
        ("colour = 1", "it has no 'colour'"),
        (changed('title = "How many steps?"', f'title = "{"x" * 81}"'), "at most 80 letters"),
        (changed('icon = "stairs"', 'icon = "![x](http://a.b)"'), "its icon"),
        (changed("right = 1", "right = 9"), "from 1 to 3"),
        (changed("right = 1", "right = true"), "from 1 to 3"),
        (changed("at = 6", "at = 7"), "up to \\[6\\]"),
        (changed("at = 6", 'at = "6"'), "one number for each axis"),
        (changed("2, 4, 8, 16, 32, 64", "1-100000000"), "more than 2000 values|steps"),
        (changed("2, 4, 8, 16, 32, 64", "1-40"), "at most 30 pictures"),
        (changed("2, 4, 8, 16, 32, 64", "2, 400"), "room for 150"),
        (changed("seed = 7", "seed = -1"), "everybody sees the same"),
        (changed("seed = 7", 'extra = "{}"'), "may not set 'extra'"),
        (changed("seed = 7", 'model = "x"'), "may not set 'model'"),
        (changed("seed = 7", 'init = "/etc/passwd"'), "may not set 'init'"),
        (changed("seed = 7", "steps = 151"), "room for 150"),
        (changed('axis = "steps"', 'axis = "backend"'), "cannot vary 'backend'"),
        (changed('axis = "steps"', 'axis = "preset"'), "cannot vary 'preset'"),
        (changed("distance(sixteen, more)", "distance(sixteen, nobody)"), "'nobody'"),
        (changed("distance(sixteen, more)", "__import__(os)"), "no side of a claim"),
        (changed("distance(sixteen, more)", "beauty(more)"), "no measure 'beauty'"),
        (changed("distance(sixteen, more)", "distance(more)"), "measures 2 pictures"),
        ('start = "no picture"\n' + LESSON, "its start image"),
    ],
)
def test_a_file_that_is_no_lesson_is_refused_in_one_sentence(text, reason):
    with pytest.raises(BadParams, match=reason) as refused:
        read_lesson(text, "theirs")
    assert str(refused.value).startswith("The lesson 'theirs' cannot be used: ")
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("held = 8\nof = 8", "held = 24\nof = 24"),
        ("held = 8\nof = 8", "held = 0\nof = 0"),
        ('"an owl, flat style on a green background",', ""),
    ],
)
def test_what_was_measured_with_other_prompts_is_not_said_of_these(old, new):
    text = (shelf.COURSE / "05-seed.toml").read_text()
    assert read_lesson(text, "seed").measured
    assert read_lesson(changed(old, new, text), "seed").measured is None


def test_a_side_may_have_a_factor_or_be_a_number():
    condition = read_condition("2.5 * distance(a, b) >= 0.3")
    assert (condition.left.factor, condition.left.names) == (2.5, ("a", "b"))
    assert (condition.sign, condition.right.factor, condition.names) == (">=", 0.3, ("a", "b"))


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_is_a_number_for_any_picture(measure):
    from PIL import Image

    from sdplay.lessons.claims import Sample
    from sdplay.params import Params

    shots = {
        name: Sample(Params(), Image.new("RGB", (16, 16), colour))
        for name, colour in {"a": "red", "b": "navy"}.items()
    }
    names = "a, b" if measure in OF_TWO else "a"
    assert read_condition(f"{measure}({names}) >= 0").holds(shots)


def test_a_lesson_from_this_network_is_not_fetched():
    with pytest.raises(BadParams, match="No lesson came from http://127.0.0.1"):
        shelf.from_address("http://127.0.0.1:9/x.toml")


def test_a_lesson_comes_from_an_address_that_is_allowed(monkeypatch):
    monkeypatch.setenv("SDPLAY_ALLOW_PRIVATE_URLS", "1")
    routes = {"GET /steps.toml": sends(LESSON.encode(), kind="text/plain"), "GET /huge": huge}
    with site(routes) as there:
        assert shelf.from_address(f"{there.url}/steps.toml").title == "How many steps?"
        for path in ("nothing.toml", "huge"):
            with pytest.raises(BadParams, match="No lesson came from"):
                shelf.from_address(f"{there.url}/{path}")


def test_the_owners_lessons_stand_beside_sentences_for_broken_ones(monkeypatch, tmp_path):
    monkeypatch.setenv("SDPLAY_HOME", str(tmp_path))
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "03-mine.toml").write_text(changed("How many steps?", "Mine"))
    (tmp_path / "lessons" / "broken.toml").write_text("title = 1")
    lessons, sentences = shelf.own()
    assert [(lesson.id, lesson.title) for lesson in lessons] == [("mine", "Mine")]
    assert len(sentences) == 1
    assert "'broken'" in sentences[0]


class Sheet(HTMLParser):
    """What a worksheet asks a browser to load, and its text."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.words, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.loads += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("lesson", COURSE, ids=lambda lesson: lesson.id)
def test_a_worksheet_has_question_pictures_and_key_and_loads_nothing(lesson):
    places = len(checking_places(lesson))
    sheet = Sheet(worksheet([lesson], {lesson.id: {(0,) * len(lesson.plan.axes): b"x"}}))
    text = " ".join("".join(sheet.words).split())
    assert all(part in text for part in (lesson.question, lesson.answer, lesson.reflect))
    assert sheet.tags.count("figure") == places
    assert [source[:23] for source in sheet.loads] == ["data:image/jpeg;base64,"]


def checking_places(lesson):
    from sdplay.compare.plan import plan

    backend = connect("builtin")
    return plan(lesson.setup("builtin", backend.probe()), lesson.plan.axes).cells


def test_a_worksheet_escapes_what_a_teacher_wrote():
    lesson = read_lesson(changed("How many steps?", "<script>alert(1)</script>"), "x")
    assert "script" not in Sheet(worksheet([lesson])).tags


def test_worksheets_are_written_by_the_command(tmp_path, capsys):
    out = tmp_path / "sheet.html"
    files = [str(file) for file in sorted(shelf.COURSE.glob("*.toml"))[:2]]
    assert main(["lesson", "worksheet", *files, "--out", str(out)]) == 0
    assert out.read_text().count("<section>") == 2
    assert main(["lesson", "worksheet", *files, "--out", str(tmp_path / "sheet.pdf")]) == 2
    assert "not 'sheet.pdf'" in capsys.readouterr().err


def test_a_record_comes_back_from_the_browser_as_it_was():
    record = Record({"steps": Answered(1, "because", "so it is", "now")}, (0, 1), (2,), "ba")
    assert read_record(record.text()) == record


@pytest.mark.parametrize(
    "text",
    ["", "[]", "nonsense", '{"predictions": 3}', '{"predictions": {"a": 7}, "before": "x"}'],
)
def test_a_damaged_record_is_an_empty_one(text):
    assert read_record(text) == Record()


def test_progress_is_a_table_with_a_row_for_each_lesson():
    record = Record({COURSE[0].id: Answered(0, "=1+1", "so", "2026-11-29T04:00:00+00:00")})
    lines = progress_table(record, COURSE).split("\r\n")
    assert lines[0] == "lesson,title,predicted,answer,right,reason,sentence,when"
    assert lines[1].startswith("steps,How many steps?,Early: from 4 to 8 steps,")
    assert ",yes,'=1+1,so," in lines[1]
    assert len(lines) == len(COURSE) + 2


def test_the_two_sets_of_questions_take_turns_and_are_alike():
    one, other = quiz.sets().values()
    assert len(one) == len(other) == 5
    assert {quiz.order_for(owner) for owner in ("a", "b")} == {"ab", "ba"}
    assert quiz.questions("ba", after=False) == other
    assert all(0 <= each.right < len(each.choices) for each in (*one, *other))


def test_the_gain_is_told_once_both_sets_are_answered():
    rights = [question.right for question in quiz.questions("ab", True)]
    wrong = [(question.right + 1) % 3 for question in quiz.questions("ab", False)]
    before = Record(before=tuple(wrong), order="ab")
    assert quiz.gain_sentence(before) == ""
    both = Record(before=tuple(wrong), after=tuple(rights), order="ab")
    expected = "Right before the lessons: 0 of 5. After: 5 of 5, a gain of 5 answers."
    assert quiz.gain_sentence(both) == expected
