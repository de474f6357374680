"""The command `film`: frames made from one another, or on the way between two settings."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdplay.cli import generate, progress_line
from sdplay.errors import BackendError, BadParams
from sdplay.params import KNOBS

if TYPE_CHECKING:
    from sdplay.film import Shooting, Storyboard
    from sdplay.params import Params

STRENGTH = 0.4
"""How much a frame may differ from the one before it, unless said."""
KINDS = (".webp", ".gif", ".mp4")
GLANCE_SECONDS = 0.3
FAREWELL_SECONDS = 10.0


def register(actions: Any) -> None:
    """Add the command to the others."""
    film = actions.add_parser(
        "film",
        help="make a film: frame to frame, or between two settings",
        description="Make a film. Each frame is made from the one before it, zoomed and turned a "
        "little; or, with --to, the frames lie on the way to other settings. Run it again to go on "
        "where it stopped.",
    )
    generate.add_settings(film)
    film.add_argument("--frames", type=int, default=24, metavar="N", help="1 to 1000; 24.")
    film.add_argument(
        "--zoom", type=float, default=1.0, metavar="F", help="Nearer with each frame, like 1.03."
    )
    film.add_argument(
        "--rotate", type=float, default=0.0, metavar="DEGREES", help="Clockwise with each frame."
    )
    film.add_argument(
        "--seeds",
        default="next",
        metavar="next|same",
        help="Each frame takes the next seed, or all the same one.",
    )
    film.add_argument(
        "--to",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="A setting of the last frame: prompt, seed, or any number. May be repeated.",
    )
    film.add_argument("--fps", type=float, default=12.0, metavar="F", help="Frames a second; 12.")
    film.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="A .webp, .gif or .mp4 file; a new .webp if not given.",
    )
    film.set_defaults(run=_film)


def _film(options: argparse.Namespace) -> int:
    from sdplay.backends import connect
    from sdplay.film import Crew, Shooting, check
    from sdplay.jobs import Jobs
    from sdplay.library import Library

    backend = connect(options.backend)
    capabilities = backend.probe()
    base = generate.requested(options, capabilities, strength=STRENGTH)
    storyboard = _storyboard(options, base)
    check(storyboard, backend, capabilities)
    file = _file(options, base)
    library = Library.opened()
    try:
        crew = Crew(Jobs(library), backend, at_once=capabilities.at_once)
        film = Shooting(storyboard, crew).start()
        stopped = _follow(film)
        if film.frames:
            _save(film, file, options.fps)
        if film.trouble:
            raise BackendError(f"{film.trouble} Run the same command again to go on.")
        return 130 if stopped else 0
    finally:
        library.close()


def _storyboard(options: argparse.Namespace, base: "Params") -> "Storyboard":
    from sdplay.film import FrameToFrame, FromTo

    if not options.to:
        return FrameToFrame(base, options.frames, options.zoom, options.rotate, options.seeds)
    if options.zoom != 1 or options.rotate:
        raise BadParams(
            "A film between two settings has no --zoom and no --rotate. Leave them out."
        )
    changes = generate.with_sets({}, options.to)
    if "extra" in changes or not changes:
        names = ", ".join(name for name in KNOBS if KNOBS[name].is_plain)
        raise BadParams(f"--to needs one of our settings, like prompt or cfg. There are: {names}.")
    return FromTo(base, base.with_(**changes), options.frames)


def _file(options: argparse.Namespace, base: "Params") -> Path:
    from sdplay.compare.exports import video
    from sdplay.film.saving import check_fps

    file = options.out or generate.new_name(base, KINDS[0])
    if file.suffix.lower() not in KINDS:
        raise BadParams(f"--out must end with {' or '.join(KINDS)}, not {file.name!r}.")
    if file.suffix.lower() == ".mp4" and not video.can_write():
        raise BadParams(video.EXTRA)
    check_fps(options.fps)
    generate.check_writable(file)
    return Path(file)


def _follow(film: "Shooting") -> bool:
    """Until it has ended; says whether a person stopped it."""
    try:
        while not film.wait(GLANCE_SECONDS):
            progress_line.show(film.fraction, film.standing)
    except KeyboardInterrupt:
        film.cancel()
        film.wait(FAREWELL_SECONDS)
        return True
    finally:
        progress_line.clear()
    return False


def _save(film: "Shooting", file: Path, fps: float) -> None:
    from sdplay.film.saving import film_file

    data = film_file(film.frames, film.crew.jobs.library, file.suffix.lower()[1:], fps)
    generate.write(file, data)
    seconds = len(film.frames) / fps
    print(f"{file}  {film.standing}, {seconds:.1f} s, {math.ceil(len(data) / 1e3):,} KB")
