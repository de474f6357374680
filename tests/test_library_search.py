"""Finding pictures: words, any setting, one difference, groups, and lists without an end."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from sdplay.errors import BadParams
from sdplay.library import Between, Query, query
from sdplay.params import KNOBS
from tests.libraries import KINDS, library_on
from tests.making import finished


@pytest.fixture(params=KINDS)
def library(request, tmp_path):
    with library_on(request.param, tmp_path) as opened:
        yield opened


def filled(library):
    """Twelve pictures of two prompts."""
    for seed in range(12):
        prompt = "a red fox, snow" if seed % 2 else "一只狐狸 🦊 robot_arm"
        scheduler = "euler" if seed < 6 else "heun"
        library.save(
            finished(
                prompt=prompt, seed=seed, steps=10 + seed, cfg=1 + seed / 2, scheduler=scheduler
            ),
            "ann",
        )
    return library


@pytest.fixture(scope="module", params=KINDS)
def reading_room(request, tmp_path_factory):
    """A shelf that nobody changes."""
    with library_on(request.param, tmp_path_factory.mktemp("shelf")) as opened:
        yield filled(opened)


@pytest.fixture
def shelf(library):
    return filled(library)


def seeds(found):
    return [kept.params.seed for kept in found.pictures]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fox", 6),
        ("FOX snow", 6),
        ("sno", 6),
        ("now", 0),
        ("狐", 6),
        ("🦊", 6),
        ("arm", 6),
        ("-fox", 6),
        ("robot -arm", 0),
        ("cfg=1.5", 1),
        ("", 12),
        ("', \" %_*() NEAR OR AND", 0),
        ('fox"', 6),
        ("steps=12", 1),
        ("steps=12..14", 3),
        ("steps>=20", 2),
        ("steps<=10", 1),
        ("steps>=12 steps<=13", 2),
        ("steps=10,12,99", 2),
        ("scheduler=K_EULER", 6),
        ("scheduler=heun fox steps=17..99", 3),
        ("backend=test", 12),
        ("seconds<=1.5", 12),
        ("seconds>=2", 0),
        ('prompt="a red fox, snow"', 6),
        ("prompt=fox", 0),
        ("model=v1", 12),
        ("width=64", 12),
        ("steps>20", 1),
        ("cfg<1.5", 1),
        ("made>=2020-01-01", 12),
        ("made<=2020-01-01", 0),
    ],
)
def test_a_line_of_words_and_conditions_finds(reading_room, text, expected):
    assert len(reading_room.page(text, "ann").pictures) == expected
    assert reading_room.total(text, "ann").count == expected
    assert reading_room.page(text, "bob").pictures == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("stepz=3", "There is no setting called 'stepz'"),
        ("steps=many", "steps needs a number, not 'many'"),
        ("made>=soon", "made needs a date like 2026-01-31, not 'soon'"),
        ("cfg=1..x", "cfg needs a number"),
        ("seed=99999999999999999999", "seed is never as large"),
        ("steps=1e999", "steps is never as large"),
    ],
)
def test_a_condition_that_cannot_be_read_is_said(text, sentence):
    with pytest.raises(BadParams, match=sentence):
        query(text)


@pytest.mark.parametrize("name", KNOBS)
def test_every_setting_can_be_asked_for(reading_room, name):
    one = reading_room.page("seed=3", "ann").pictures[0]
    value = one.params.as_dict()[name]
    assert one in reading_room.page(Query(settings={name: value}), "ann").pictures


def test_ranges_and_choices_can_be_asked_for_without_text(reading_room):
    asked = Query(
        settings={"steps": Between(12, 20), "scheduler": ("heun", "ddim"), "cfg": Between(None, 5)}
    )
    assert seeds(reading_room.page(asked, "ann")) == [8, 7, 6]


def test_a_whole_page_of_words_can_be_asked_for(reading_room):
    text = "fox " + " ".join(f"word{number} -other{number}" for number in range(500))
    assert reading_room.page(text, "ann").pictures == ()
    assert len(reading_room.page("fox " * 400, "ann").pictures) == 6


def test_tags_notes_and_stars_are_found(shelf):
    one = shelf.page("seed=3", "ann").pictures[0]
    shelf.update(one, "ann", tags=["good one", "🦊"], note="warm light", stars=4)
    for text in ('tag="good one"', "tag=🦊", "warm", "stars>=4", "good"):
        assert seeds(shelf.page(text, "ann")) == [3]
    shelf.update(one, "ann", tags=[], note="")
    assert shelf.page("warm", "ann").pictures == ()


def test_what_was_deleted_is_not_found_until_it_is_back(shelf):
    one = shelf.page("seed=3", "ann").pictures[0]
    shelf.delete(one, "ann")
    assert shelf.page("fox seed=3", "ann").pictures == ()
    shelf.restore(one, "ann")
    assert seeds(shelf.page("fox seed=3", "ann")) == [3]


def test_pages_follow_each_other_without_gap_or_repeat(reading_room):
    after, found = None, []
    while True:
        page = reading_room.page("", "ann", after, limit=5)
        found += seeds(page)
        after = page.next
        if after is None:
            break
    assert found == list(range(11, -1, -1))


def test_a_picture_made_meanwhile_does_not_shift_the_next_page(shelf):
    first = shelf.page("", "ann", limit=5)
    shelf.save(finished(seed=99), "ann")
    assert seeds(shelf.page("", "ann", first.next, limit=5)) == [6, 5, 4, 3, 2]


def test_exactly_one_difference_is_found_and_named(library):
    base = library.save(finished(seed=5), "ann")
    library.save(finished(seed=5, steps=30), "ann")
    library.save(finished(seed=6), "ann")
    library.save(finished(seed=5, prompt="a cat"), "ann")
    library.save(finished(seed=5, backend="other"), "ann")
    library.save(finished(seed=5, steps=31, cfg=3), "ann")
    library.save(finished(seed=5, steps=32), "bob")
    assert sorted(name for name, _ in library.near(base, "ann")) == [
        "backend",
        "prompt",
        "seed",
        "steps",
    ]


def test_the_search_finds_all_that_differ_in_one_thing(library):
    base = library.save(finished(seed=5), "ann")
    for steps in (30, 31):
        library.save(finished(seed=5, steps=steps), "ann")
    library.save(finished(seed=6, steps=30), "ann")
    assert [kept.params.steps for kept in library.page(f"near={base.id}", "ann").pictures] == [
        31,
        30,
    ]
    assert library.total(f"fox near={base.id} steps=30", "ann").count == 1


def test_a_picture_and_what_started_from_it_find_each_other(library):
    source = library.save(finished(seed=5), "ann")
    painted = library.save(finished(seed=6, init=library.data(source)), "ann")
    assert library.source(painted, "ann").id == source.id
    assert [picture.id for picture in library.started_from(source, "ann")] == [painted.id]
    assert (library.source(source, "ann"), library.started_from(painted, "ann")) == (None, ())


def test_a_private_start_image_is_not_shown_to_others(library):
    source = library.save(finished(seed=5), "ann")
    painted = library.share(library.save(finished(seed=6, init=library.data(source)), "ann"), "ann")
    assert library.source(library.get(painted.id, "bob"), "bob") is None
    library.delete(source, "ann")
    assert library.source(painted, "ann") is None


def test_what_differs_from_a_private_picture_is_told_to_its_owner_alone(library):
    base = library.save(finished(seed=5), "ann")
    library.save(finished(seed=6), "bob")
    assert library.page(f"near={base.id}", "bob").pictures == ()
    library.share(base, "ann")
    assert seeds(library.page(f"near={base.id}", "bob")) == [6]
    library.delete(base, "ann")
    assert library.page(f"near={base.id}", "bob").pictures == ()


def test_groups_hold_one_prompt_made_in_one_go_with_their_total(reading_room):
    page = reading_room.page("", "ann", limit=8)
    fox, robot = reading_room.groups(page.pictures, "ann")
    assert (fox.prompt, len(fox.pictures), fox.total.count, fox.total.seconds) == (
        "a red fox, snow",
        4,
        6,
        9.0,
    )
    assert (robot.total.mean, robot.same["prompt"], "steps" in robot.same) == (
        1.5,
        "一只狐狸 🦊 robot_arm",
        False,
    )


def test_a_group_is_whole_where_it_begins_as_far_as_few_are_missing(library):
    for seed in range(50):
        library.save(
            finished(prompt="a fox" if seed in (0, 1, 49) else "a robot", seed=seed), "ann"
        )
    page = library.page("", "ann", limit=9)
    groups = {group.id: group for group in library.groups(page.pictures, "ann")}
    matches = library.matches(Query(), groups, "ann")
    missing = {id: matches[id] - len(group.pictures) for id, group in groups.items()}
    assert sorted(missing.values()) == [2, 39]
    rest = library.rest(Query(), "ann", page.next, missing)
    assert [picture.params.seed for picture in rest] == [1, 0]
    fewer = library.matches(query("steps=20 seed=0..9 fox"), groups, "ann")
    assert list(fewer.values()) == [2]
    assert library.matches(Query(), groups, "bob") == {}
    assert library.matches(Query(), (), "ann") == {}


def test_the_same_prompt_an_hour_later_is_another_group(library):
    early = library.save(finished(seed=1), "ann")
    record, _ = library.index.page(Query(), "ann", None, 1)[0]
    library.index.add({**record, "id": "later", "made": record["made"] + 3600 * 10**6})
    assert len(library.groups(library.recent("ann"), "ann")) == 2
    assert early.group == early.at


@pytest.mark.parametrize("minutes", [(0, 20, 40, 90), (40, 0, 20, 90), (90, 40, 0, 20)])
def test_groups_do_not_depend_on_which_picture_is_written_first(library, minutes):
    early = library.save(finished(seed=1), "ann")
    record, _ = library.index.page(Query(), "ann", None, 1)[0]
    library.index.forget([early.id])
    for minute in minutes:
        at = early.at + minute * 60 * 10**6
        library.index.add({**record, "id": f"minute{minute}", "made": at})
    groups = library.groups(library.recent("ann"), "ann")
    assert [[kept.id for kept in group.pictures] for group in groups] == [
        ["minute90"],
        ["minute40", "minute20", "minute0"],
    ]


def test_pictures_that_end_at_the_same_moment_stand_in_one_group(library):
    together = threading.Barrier(8)

    def save(seed):
        together.wait(60)
        library.save(finished(seed=seed), "ann")

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(save, range(8)))
    (group,) = library.groups(library.recent("ann"), "ann")
    assert group.total.count == 8


def test_a_time_can_be_asked_for(reading_room):
    now = datetime.now(UTC)
    assert (
        len(
            reading_room.page(
                Query(since=now - timedelta(hours=1), until=now + timedelta(hours=1)), "ann"
            ).pictures
        )
        == 12
    )
    assert reading_room.page(Query(since=now + timedelta(hours=1)), "ann").pictures == ()


def test_scopes_tell_mine_from_what_others_share(library):
    library.save(finished(seed=1), "ann")
    library.share(library.save(finished(seed=2), "bob"), "bob")
    library.save(finished(seed=3), "bob")
    library.save(finished(seed=4))
    found = {
        scope: seeds(library.page(query("", scope=scope), "ann"))
        for scope in ("mine", "shared", "all")
    }
    assert found == {"mine": [4, 1], "shared": [4, 2], "all": [4, 2, 1]}
    worded = {scope: seeds(library.page(query("fox", scope=scope), "ann")) for scope in found}
    assert worded == found


def test_the_administrator_sees_all(shelf):
    shelf.save(finished(seed=50), "bob")
    assert len(shelf.page("", None).pictures) == 13
    assert len(shelf.page("fox", None).pictures) == 7


def test_menus_show_what_was_used(reading_room):
    assert set(reading_room.values("scheduler", "ann")) == {"euler", "heun"}
    assert reading_room.values("scheduler", "bob") == []


def test_a_list_with_large_start_images_comes_in_short_stretches_and_is_whole(library):
    for seed in range(5):
        library.save(finished(seed=seed, init=bytes([seed]) * 9 * 2**20), "ann")
    stretches, after = [], None
    while after is not None or not stretches:
        page = library.page("", "ann", after, 48)
        stretches.append(seeds(page))
        after = page.next
    assert stretches == [[4, 3], [2, 1], [0]]
