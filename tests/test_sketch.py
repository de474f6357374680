"""What the page makes of a drawing and of the picture under it, without a browser."""

import base64
import io
import time

import pytest
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from sdplay.compare.exports.animation import MOST_PIXELS, smaller
from sdplay.errors import BadParams
from sdplay.files.decode import NotAPicture
from sdplay.picture import png_bytes
from sdplay.ui.components.canvas import Backdrop, Sketched, received
from sdplay.ui.sketch.backdrop import LARGEST, prepared
from sdplay.ui.sketch.closeness import advice, distance, shows_nothing
from sdplay.ui.sketch.sitting import Sitting
from tests.fakes import a1111
from tests.making import colour
from tests.paging import sentences

FRAME = (128, 128)


def drawing(size=128):
    image = Image.new("RGB", (size, size), "white")
    ImageDraw.Draw(image).line((20, 20, 100, 90), "black", 12)
    return png_bytes(image)


def sent(**fields):
    """What a browser sends, as the page reads it."""
    return received({"number": 5, "picture": "", "why": "change", "background": ""} | fields)


def address(data):
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def test_a_drawing_arrives_as_it_was_sent():
    came = sent(picture=address(drawing()), number=1790000000000)
    assert (came.number, came.data, came.changed) == (1790000000000, drawing(), True)


def test_an_empty_sheet_is_no_picture():
    assert sent().data == b""


@pytest.mark.parametrize("picture", ["data:image/png;base64,####", address(b"GIF89a but not"), "x"])
def test_what_is_no_picture_is_refused(picture):
    with pytest.raises(NotAPicture):
        sent(picture=picture)


def test_a_message_that_is_none_is_refused():
    with pytest.raises(NotAPicture):
        received("nonsense")


def test_a_click_waits_for_the_drawing_that_is_on_its_way():
    seat = Sitting(drawing=sent(number=5))
    assert not seat.awaits(False, FRAME)
    seat.drawing_coming = 6
    assert seat.awaits(False, FRAME)
    assert not seat.awaits(True, FRAME)
    seat.drawing = sent(number=6, large=True, picture=None)
    assert not seat.awaits(False, FRAME)
    with pytest.raises(BadParams, match="too large to be sent. Choose a smaller size"):
        seat.params(None)


def test_a_wish_from_before_the_browser_told_of_its_drawing_is_granted_then():
    seat = Sitting(refusal="Nothing is drawn yet.", unheard=True)
    seat.follow(sent(picture=address(drawing()), why="there"))
    assert (seat.asked, seat.refusal) == (True, "")


@pytest.mark.parametrize("why", ["there", "size"])
def test_a_drawing_that_is_told_of_makes_no_picture_by_itself(why):
    seat = Sitting(refusal="Nothing is drawn yet.")
    seat.follow(sent(picture=address(drawing()), why=why))
    assert not seat.asked


def test_what_is_found_out_about_a_thing_is_not_looked_for_again():
    seat, looks = Sitting(), []
    things = ["one", "one", "other"]
    answers = [seat.once("size", thing, lambda: looks.append(1) or len(looks)) for thing in things]
    assert answers == [1, 1, 2]


def test_a_drawing_of_another_size_is_waited_for():
    seat = Sitting(drawing=sent(picture=address(drawing()), width=128, height=128))
    assert not seat.awaits(False, FRAME)
    assert seat.awaits(False, (192, 128))


def test_a_mask_of_another_original_is_waited_for():
    seat = Sitting(mask=sent(background="before"), original=Backdrop("before", ""))
    assert not seat.awaits(True, FRAME)
    seat.original = Backdrop("now", "")
    assert seat.awaits(True, FRAME)


@pytest.mark.parametrize("number", [None, "7", float("nan"), [1]])
def test_a_number_that_is_none_is_nothing(number):
    assert sent(number=number).number == 0


def test_a_white_sheet_shows_nothing_and_a_light_stroke_does():
    assert shows_nothing(png_bytes(Image.new("RGBA", (64, 64), "white")))
    light = Image.new("RGB", (64, 64), "white")
    light.putpixel((3, 3), (220, 220, 220))
    assert not shows_nothing(png_bytes(light))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (png_bytes(Image.new("RGB", (1, 1))), "is 1 × 1 pixels, which shows nothing. Choose one"),
        (png_bytes(Image.new("1", (9000, 9000))), "more than 40 megapixels are not opened"),
        (b"", "The background is empty. Choose a PNG"),
        (b"<svg/>", "The background is no picture"),
    ],
)
def test_an_unusable_background_ends_in_a_sentence(data, sentence):
    with pytest.raises(BadParams, match=sentence.replace(".", r"\.")):
        prepared(data)


def test_a_transparent_background_is_white_where_nothing_is():
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    clear.putpixel((5, 5), (255, 0, 0, 255))
    laid = prepared(png_bytes(clear))
    assert (laid.mode, laid.getpixel((0, 0)), laid.getpixel((5, 5))) == (
        "RGB",
        (255, 255, 255),
        (255, 0, 0),
    )


def test_a_large_background_is_made_smaller_and_a_turned_one_upright():
    assert max(prepared(png_bytes(Image.new("RGB", (5000, 2500)))).size) == LARGEST
    turned, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 30)).save(turned, "JPEG", exif=exif)
    assert prepared(turned.getvalue()).size == (30, 60)


def test_too_little_strength_is_told_by_the_distance():
    assert distance(drawing(), drawing()) == 0
    assert advice(0.0, 0.1) == (
        "The picture is nearly your drawing (colour distance 0.00): at strength 0.1 little may "
        "change. Try 0.4."
    )


def test_too_much_strength_is_told_and_the_middle_is_left_alone():
    apart = distance(drawing(), png_bytes(colour(size=128)))
    assert advice(apart, 0.95).startswith("Strength 0.95 begins with almost pure noise")
    assert advice(apart, 0.6) == ""


def test_a_long_session_fits_into_one_animation():
    frame = smaller(Image.new("RGB", (1024, 1024)), 400)
    assert frame.width * frame.height * 400 <= MOST_PIXELS


def page(about):
    """The panel alone, with a backend that says this about itself."""
    return AppTest.from_string(
        "from types import SimpleNamespace as Of\n"
        "from sdplay.backends import Capabilities\n"
        "from sdplay.ui.sketch.panel import show\n"
        f"capabilities = Capabilities(unknown=frozenset(), {about})\n"
        "show(Of(backend=Of(label='A *writer*'), capabilities=capabilities))"
    ).run()


def test_a_backend_without_start_images_is_answered_with_a_sentence():
    drawn = page("status='ready'")
    assert not drawn.exception
    assert drawn.text_area[0].label == "Prompt"
    assert drawn.info[0].value.endswith(
        "cannot start from a picture, so no drawing can become one. Choose another backend."
    )


def test_a_backend_that_is_down_is_not_said_to_lack_anything():
    drawn = page("status='down', message='It does not answer. Start it.'")
    assert drawn.info[0].value.endswith(
        "is not ready, so nothing can be drawn yet. It does not answer. Start it."
    )


def test_live_follows_an_edited_prompt_once_something_is_drawn(page):
    page.query_params.update(view="Sketch", live="true", steps="2")
    page.run()
    seat = page.session_state["sketch_sitting"]
    page.text_area(key="prompt").set_value("a hill").run()
    assert not seat.live.busy
    seat.drawing = Sketched(1, drawing(), changed=True)
    page.text_area(key="prompt").set_value("a castle").run()
    for _ in range(600):
        if seat.live.answer:
            break
        time.sleep(0.05)
        page.run()
    assert seat.live.answer.request.params.prompt == "a castle"
    assert not page.exception


def inpaint_with(page, data):
    page.query_params.update(view="Sketch", sketch_as="Inpaint", steps="2")
    upload = page.run().file_uploader(key="inpaint_file")
    return upload.set_value(("given.png", data, "image/png")).run()


def test_a_picture_is_uploaded_where_a_mask_is_wanted(page):
    assert not inpaint_with(page, drawing(192)).exception
    assert page.session_state["init_bytes"] == drawing(192)
    assert (page.session_state["width"], page.session_state["height"]) == (192, 192)
    assert "There is no picture to paint a mask over." not in sentences(page)


def test_an_upload_that_is_no_picture_is_answered_with_a_sentence(page):
    assert "Choose a PNG, JPEG or WebP picture." in sentences(inpaint_with(page, b"nonsense"))
    assert "There is no picture to paint a mask over." in sentences(page)


def test_a_refusal_is_gone_with_another_use_of_the_canvas(page):
    page.query_params.update(view="Sketch", steps="2")
    page.run().button(key="sketch_go").click().run()
    assert "Nothing is drawn yet." in sentences(page)
    page.segmented_control(key="sketch_as").set_value("mask").run()
    assert "Nothing is drawn yet." not in sentences(page)


def test_a_refusal_is_gone_once_the_form_is_another(page):
    page.query_params.update(view="Sketch", steps="2")
    page.run().number_input(key="width").set_value(77).run()
    page.session_state["sketch_sitting"].drawing = Sketched(1, drawing(), changed=True)
    page.button(key="sketch_go").click().run()
    assert "not 77" in sentences(page)
    page.number_input(key="width").set_value(128).run()
    assert "not 77" not in sentences(page)


def test_a_guide_setting_counts_also_if_the_next_click_comes_at_once(page, monkeypatch):
    with a1111(extras=("controlnet",)) as server:
        monkeypatch.setenv("SDPLAY_A1111_URL", server.url)
        page.query_params.update(view="Sketch", backend="a1111", sketch_as="Guide")
        page.run().slider(key="guide_weight").set_value(1.5)
        page.segmented_control(key="sketch_as").set_value("draw").run()
        page.segmented_control(key="sketch_as").set_value("guide").run()
        assert page.slider(key="guide_weight").value == 1.5
