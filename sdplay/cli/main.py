"""The command line: reads the arguments, runs one command and says in one sentence what failed."""

import argparse
import io
import sys
from typing import NoReturn

from sdplay import settings
from sdplay.cli import (
    chain,
    cutouts,
    film,
    generate,
    lesson,
    library,
    lists,
    pictures,
    serve,
    sweep,
)
from sdplay.errors import BadParams, PlayError

COMMANDS = (generate, film, chain, lists, library, sweep, lesson, serve, cutouts, pictures)


class Commands(argparse.ArgumentParser):
    """Speaks in one sentence when it does not understand."""

    def error(self, message: str) -> NoReturn:
        raise BadParams(f"{message[:1].upper()}{message[1:]}. See: {self.prog} --help")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 is done, 1 trouble at the backend, 2 bad parameters, 130 stopped."""
    settings.load()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may lack letters of a file's name
            stream.reconfigure(errors="replace")
    try:
        options = _commands().parse_args(arguments)
        return int(options.run(options) or 0)
    except BadParams as error:
        return _say(error, 2)
    except PlayError as error:
        return _say(error, 1)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def _commands() -> Commands:
    commands = Commands(
        prog="python -m sdplay", description="A parameter playground for Stable Diffusion."
    )
    actions = commands.add_subparsers(required=True, metavar="COMMAND", parser_class=Commands)
    for command in COMMANDS:
        command.register(actions)
    return commands


def _say(error: PlayError, code: int) -> int:
    print(settings.without_secrets(str(error)), file=sys.stderr)
    return code
