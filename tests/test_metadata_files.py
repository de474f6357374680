"""Picture files: PNG, JPEG and WebP in, ours signed; damage, bombs and floods end in one
sentence."""

import io
import json
import random
import struct
import zlib
from contextlib import suppress

import pytest
from PIL import Image

from sdplay.errors import LibraryError
from sdplay.metadata import converted, decoded, infotext, read, sign
from sdplay.metadata.png import SIGNATURE, chunks, with_texts
from sdplay.params import Params
from sdplay.picture import Picture, Receipt, Timing, png_bytes
from tests.making import colour

TEXT = (
    "a fox, 狐 🦊\nNegative prompt: blur\nSteps: 9, Sampler: Euler, CFG scale: 7, Seed: 3, "
    "Size: 64x64"
)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(new):
    data = png_bytes(colour())
    return data[:33] + new + data[33:]


def comment(image_kind, value):
    exif, kept = Image.Exif(), io.BytesIO()
    exif.get_ifd(0x8769)[0x9286] = value
    colour().save(kept, image_kind, exif=exif)
    return kept.getvalue()


def picture(data, **settings):
    params = Params(prompt="a fox", width=64, height=64, **settings)
    return Picture(data, params, "test", Timing(1.5), Receipt({}, {}, {}), "v1")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize(
    "value",
    [
        b"UNICODE\0" + TEXT.encode("utf-16-be"),
        b"UNICODE\0" + TEXT.encode("utf-16-le"),
        b"UNICODE\0" + TEXT.encode("utf-16"),
        b"ASCII\0\0\0" + TEXT.encode(),
        b"\0" * 8 + TEXT.encode(),
        TEXT.encode(),
    ],
)
def test_a_comment_is_read_in_every_encoding(kind, value):
    found = read(comment(kind, value))
    assert (found.settings["prompt"], found.settings["seed"], found.dialect) == (
        "a fox, 狐 🦊",
        3,
        "A1111",
    )


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_picture_given_away_as_jpeg_or_webp_keeps_its_settings(kind):
    made = picture(png_bytes(colour()), seed=3, negative='a "b", c: d')
    found = read(converted(sign(made.data, made), kind))
    assert Params(**found.settings) == made.params.with_(model="v1")


def test_our_own_file_gives_everything_back_even_what_has_no_letter():
    made = picture(png_bytes(colour())).params.with_(prompt="\ud800 \0 🦊", styles="a|b")
    data = png_bytes(colour())
    signed = sign(data, Picture(data, made, "test", Timing(1.0), Receipt({}, {}, {})))
    assert Params.from_dict(read(signed).settings) == made


def test_signing_twice_leaves_one_record():
    data = sign(png_bytes(colour()), picture(b"", seed=1))
    again = sign(data, picture(b"", seed=2))
    assert read(again).settings["seed"] == 2
    assert len(list(chunks(again))) == len(list(chunks(data)))


def test_a_text_the_backend_wrote_stays_as_it_is():
    data = with_texts(png_bytes(colour()), {"parameters": TEXT})
    assert read(sign(data, picture(data))).text == TEXT


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
def test_a_picture_in_any_mode_can_be_signed(mode):
    kept = io.BytesIO()
    colour().convert(mode).save(kept, "TIFF")
    assert Image.open(io.BytesIO(sign(kept.getvalue(), picture(b"")))).size == (64, 64)


def test_a_text_of_fifty_megabytes_is_passed_over_in_a_sentence():
    flood = chunk(b"tEXt", b"parameters\0" + b"a" * 50_000_000)
    found = read(with_chunk(flood))
    assert found.notes == (
        "The texts inside the picture are longer than 4 MB: 'parameters' and what follows were not "
        "read.",
    )


@pytest.mark.parametrize(
    ("kind", "head"), [(b"zTXt", b"parameters\0\0"), (b"iTXt", b"parameters\0\1\0\0\0")]
)
def test_a_packed_text_is_unpacked_no_further_than_the_cap(kind, head):
    bomb = chunk(kind, head + zlib.compress(b"a" * 50_000_000, 9))
    assert "longer than 4 MB" in read(with_chunk(bomb)).notes[0]


def test_a_bomb_is_refused_before_a_pixel_is_unpacked():
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    bomb = SIGNATURE + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    for way in (read, decoded):
        with pytest.raises(
            LibraryError, match="100000×100000 pixels; more than 64 million are not opened"
        ):
            way(bomb)


def test_a_bomb_of_another_kind_is_refused_too():
    kept = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(kept, "TIFF", compression="group4")
    with pytest.raises(LibraryError, match="64 million are not opened"):
        decoded(kept.getvalue())


@pytest.mark.parametrize(
    "data", [b"", b"hello", SIGNATURE, SIGNATURE + b"\0" * 40, b"\xff\xd8\xff\xe0", b"RIFF" * 9]
)
def test_what_is_no_picture_is_said_in_one_sentence(data):
    with pytest.raises(LibraryError, match="could not be read as a picture"):
        read(data)


def test_a_damaged_png_still_gives_the_settings_before_the_damage():
    data = sign(png_bytes(colour()), picture(b"", seed=4))
    found = read(data[:-30])
    assert found.settings["seed"] == 4
    assert found.notes == (
        "The file is damaged or cut off; what stands before the damage was read.",
    )
    with pytest.raises(LibraryError, match="damaged or cut off"):
        decoded(data[:-30])


@pytest.mark.parametrize("seed", range(30))
def test_a_file_with_broken_bytes_is_read_or_refused_but_never_a_crash(seed):
    dice = random.Random(seed)
    kinds = (
        sign(png_bytes(colour()), picture(b"")),
        comment("JPEG", TEXT.encode()),
        comment("WEBP", TEXT.encode()),
    )
    for data in map(bytearray, kinds):
        for _ in range(dice.randrange(1, 30)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        with suppress(LibraryError):
            read(bytes(data))


@pytest.mark.parametrize(
    "params",
    [
        {"steps": "x"},
        {"control": [3]},
        {"control": "x"},
        {"init": 5},
        {"extra": "{"},
        {"prompt": None},
        {"seed": -1},
        {"control": [{"image": "x", "odd": 1}]},
    ],
)
def test_a_forged_record_gives_only_settings_that_fit(params):
    found = read(
        with_texts(png_bytes(colour()), {"sdplay": json.dumps({"params": {"steps": 9, **params}})})
    )
    Params.from_dict(found.settings)
    assert found.dialect == "sdplay"


def test_a_record_that_is_no_record_is_passed_over():
    for text in ("{", "[]", '{"params": 3}', json.dumps({"x": 1})):
        found = read(
            with_texts(
                png_bytes(colour()), {"sdplay": text, "parameters": infotext(Params(seed=5))}
            )
        )
        assert (found.record, found.settings["seed"]) == (None, 5)
