"""The command `chain`: one picture after the other, each made from the one before it."""

import argparse
import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdplay.cli import generate, progress_line
from sdplay.errors import BadParams

if TYPE_CHECKING:
    from sdplay.chain import Chain, StagePicture
    from sdplay.library import Library
    from sdplay.picture import Progress

KINDS = {".json": "json", ".toml": "toml"}
RECORD = "chain.json"


def register(actions: Any) -> None:
    """Add the command to the others."""
    chain = actions.add_parser(
        "chain",
        help="base, refiner, hires, upscale, img2img, cut-outs: one plan",
        description="Follow a plan of stages, each beginning with the picture of the one before "
        "it. Every stage's picture is kept. Run it again to go on where it stopped.",
    )
    chain.add_argument(
        "plan", type=Path, metavar="PLAN", help="A .json or .toml file with a list of stages."
    )
    chain.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="Where the pictures go; named by the plan if not given.",
    )
    chain.add_argument(
        "--backend", metavar="NAME", default="", help="builtin, a1111, predict or local."
    )
    chain.set_defaults(run=_chain)


def _chain(options: argparse.Namespace) -> None:
    from sdplay.backends import connect
    from sdplay.chain import Workshop, base, check, follow
    from sdplay.library import Library

    chain = _read(options.plan)
    backend = connect(options.backend or chain.backend)
    capabilities = backend.probe()
    check(chain, backend, capabilities)
    folder = options.out or Path(f"{options.plan.stem}-chain")
    generate.check_writable(folder / RECORD)
    library = Library.opened()
    try:
        desk = _Writing(chain, folder, library)
        with closing(follow(chain, base(chain, capabilities), Workshop(backend, library))) as steps:
            for step in steps:
                desk.take(step)
    finally:
        progress_line.clear()
        library.close()


class _Writing:
    """Writes what comes into the folder, and says it."""

    def __init__(self, chain: "Chain", folder: Path, library: "Library") -> None:
        self.chain, self.folder, self.library = chain, folder, library
        self._links: dict[str, StagePicture] = {}

    def take(self, step: "tuple[int, Progress] | StagePicture") -> None:
        """Show the progress, or keep the picture."""
        if isinstance(step, tuple):
            at, progress = step
            progress_line.show(progress.fraction, self.chain.stages[at].name)
            return
        progress_line.clear()
        name = self._name(step)
        self._links[name] = step
        generate.write(self.folder / name, self.library.data(step.saved))
        self._note()
        print(f"{self.folder / name}  {step.saved.width} × {step.saved.height}")

    def _name(self, link: "StagePicture") -> str:
        """By its place and stage; further pictures of one stage are counted."""
        stem = f"{link.at + 1}-{self.chain.stages[link.at].name}"
        before = sum(earlier.at == link.at for earlier in self._links.values())
        return f"{stem}-{before + 1}.png" if before else f"{stem}.png"

    def _note(self) -> None:
        from sdplay.chain import record

        text = json.dumps(record(self.chain, self._links), indent=2)
        generate.write(self.folder / RECORD, f"{text}\n".encode())


def _read(plan: Path) -> "Chain":
    from sdplay.chain import read_chain
    from sdplay.files.whole_file import why

    if plan.suffix.lower() not in KINDS:
        raise BadParams(f"A chain is a {' or '.join(KINDS)} file, not {plan.name!r}.")
    try:
        text = plan.read_text(encoding="utf-8")
    except OSError as error:
        raise BadParams(f"The chain {plan} cannot be read: {why(error)}.") from error
    except UnicodeDecodeError as error:
        raise BadParams(f"The chain {plan} is no text. Choose another file.") from error
    return read_chain(text, KINDS[plan.suffix.lower()], plan.stem)
