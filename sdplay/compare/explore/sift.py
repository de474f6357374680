"""Makes a plan without the rejected cells: fewer values when whole lines were rejected, otherwise
one row for each cell that stays."""

from collections.abc import Collection, Sequence
from typing import Any

from sdplay.compare.axes import Setup, Typed
from sdplay.compare.plan import Cell, Plan, Varied, plan
from sdplay.errors import BadParams
from sdplay.params import KNOBS, differing

At = tuple[int, ...]


def without(full: Plan, rejected: Collection[At]) -> Plan:
    """The same comparison with only the cells that stay, ready to run again."""
    staying = [cell for cell in full.cells if not cell.skip and cell.at not in rejected]
    if not staying:
        raise BadParams("Every cell is rejected. Take some of them back.")
    axes = _fewer(full, staying) or [("preset", [_row(full.base, cell) for cell in staying])]
    return plan(full.base, axes)


def _fewer(full: Plan, staying: Sequence[Cell]) -> list[tuple[str, Typed]]:
    """The axes with fewer values; None when those would bring rejected cells back."""
    places = [sorted({cell.at[axis] for cell in staying}) for axis in range(len(full.varied))]
    cells = 1
    for along in places:
        cells *= len(along)
    if cells != len(staying) or not all(map(_is_list, full.varied)):
        return []
    return [
        (varied.axis.id, [varied.marks[at].value for at in along])
        for varied, along in zip(full.varied, places, strict=True)
    ]


def _is_list(varied: Varied) -> bool:
    """Whether each mark is one value that can be written by itself."""
    name = varied.axis.id
    return name == "backend" or (name in KNOBS and KNOBS[name].is_plain)


def _row(base: Setup, cell: Cell) -> dict[str, Any]:
    """A cell as a preset: all its settings that differ from the base."""
    changes = {name: getattr(cell.params, name) for name in differing(base.params, cell.params)}
    backend = {} if cell.setup.backend == base.backend else {"backend": cell.setup.backend}
    return {"name": cell.name, **backend, **changes}
