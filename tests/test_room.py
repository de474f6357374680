"""How much one browser, one network address and everybody together may have."""

from contextlib import ExitStack

import pytest

from sdplay.errors import BadParams
from sdplay.sharing.room import Gate, Reached, Room, Share, network, queue_room

ROOM = Room(browser=2, address=3, everybody=4)
ANN, BOB, CID = (Share(name, "203.0.113.5") for name in ("ann", "bob", "cid"))
FAR = Share("far", "198.51.100.7")


@pytest.mark.parametrize(
    ("asked", "present", "reached"),
    [
        (ANN, [], None),
        (ANN, [ANN, BOB], None),
        (ANN, [ANN, ANN], Reached("browser", 2)),
        (CID, [ANN, ANN, BOB], Reached("address", 3)),
        (FAR, [ANN, ANN, BOB], None),
        (Share("cid"), [Share("ann"), Share("bob"), Share("dan")], None),
        (FAR, [ANN, ANN, BOB, Share("dan")], Reached("everybody", 4)),
        (Share("ann", size=2), [Share("ann")], Reached("browser", 1)),
    ],
)
def test_the_first_limit_that_is_reached_is_named(asked, present, reached):
    assert ROOM.reached(asked, present) == reached


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (None, ""),
        ("", ""),
        ("127.0.0.1", ""),
        ("127.8.8.8", ""),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
        ("not an address", ""),
        ("203.0.113.5", "203.0.113.5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
    ],
)
def test_an_address_counts_as_the_network_that_one_line_has(address, told):
    assert network(address) == told


@pytest.mark.parametrize("value", ["0", "-3", "many", "1.5"])
def test_a_limit_that_is_no_number_is_explained(value, monkeypatch):
    monkeypatch.setenv("SDPLAY_MAX_QUEUED_ADDRESS", value)
    with pytest.raises(BadParams, match="SDPLAY_MAX_QUEUED_ADDRESS must be a whole number from 1"):
        queue_room()


def entering(gate, visitors):
    """All of them inside together."""
    with ExitStack() as inside:
        for visitor in visitors:
            inside.enter_context(gate.entered(visitor))
    return len(visitors)


def test_a_gate_lets_so_many_in_at_once_and_says_who_is_inside():
    gate = Gate(Room(browser=1, address=2, everybody=3), "import")
    assert entering(gate, [ANN, BOB, FAR]) == 3
    with pytest.raises(BadParams, match=r"^1 import of yours is at work already\. Wait until"):
        entering(gate, [ANN, ANN])
    with pytest.raises(BadParams, match=r"^2 imports from your network address are at work"):
        entering(gate, [ANN, BOB, CID])
    with pytest.raises(BadParams, match=r"^3 imports of everybody are at work already, as many"):
        entering(gate, [ANN, BOB, FAR, Share("dan")])
    assert entering(gate, [ANN, BOB, FAR]) == 3
