"""The command serve: the local process, which loads a checkpoint once and serves it to many."""

import argparse
import contextlib
import ipaddress
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

from sdplay.errors import BadParams
from sdplay.settings import setting

if TYPE_CHECKING:
    from sdplay.server.queue import Queue

Parser = argparse.ArgumentParser
TILE_STEP = 64
"""Pixels that every kind of U-Net can halve as often as it does."""
EXTRA = "The local process needs torch, diffusers and FastAPI: pip install '.[local]'"


def register(actions: Any) -> None:
    """Add the command to the others."""
    serve = actions.add_parser(
        "serve", help="serve a checkpoint to this page and to A1111's clients"
    )
    _add_files(serve)
    _add_memory(serve)
    _add_network(serve)
    _add_card(serve)
    _add_limits(serve)
    serve.set_defaults(run=_serve)


def _add_files(serve: Parser) -> None:
    serve.add_argument(
        "--model",
        metavar="PATH",
        action="append",
        default=[],
        help="A diffusers folder, a .safetensors file, a hub id, a folder of those, or builtin "
        "(the default). May be repeated.",
    )
    serve.add_argument(
        "--controlnet",
        metavar="PATH",
        action="append",
        default=[],
        help="A ControlNet: a diffusers folder, a .safetensors file, or a folder of those.",
    )
    serve.add_argument(
        "--lora-dir",
        metavar="PATH",
        action="append",
        default=[],
        help="A folder of LoRA files for <lora:name:weight> in a prompt; the folder loras "
        "beside the model unless given.",
    )
    serve.add_argument(
        "--upscaler-dir",
        metavar="FOLDER",
        action="append",
        default=[],
        help="A folder of networks that enlarge pictures (ESRGAN …); the folder upscalers "
        "beside the model unless given.",
    )
    serve.add_argument(
        "--embedding-dir",
        metavar="PATH",
        action="append",
        default=[],
        help="A folder of embeddings (textual inversion), to be named in prompts; the folder "
        "embeddings beside the model unless given.",
    )
    serve.add_argument(
        "--segmenter",
        metavar="FOLDER",
        default="",
        help="A Segment Anything model that cuts things out of pictures, as transformers keeps it.",
    )
    serve.add_argument(
        "--depth",
        metavar="FOLDER",
        default="",
        help="A model that tells how far away things are (DPT, Depth Anything …), as "
        "transformers keeps it: the ControlNet preprocessor depth.",
    )
    serve.add_argument(
        "--safety-checker",
        metavar="PATH",
        default="",
        help="A checkpoint's folder with a safety checker inside, or the checker's own: "
        "pictures that it finds unsuitable become black.",
    )


def _add_memory(serve: Parser) -> None:
    serve.add_argument(
        "--offload",
        choices=("parts", "layers"),
        default="",
        help="For cards with little memory: text encoders, U-Net and decoder take turns on the "
        "card, or even their layers do.",
    )
    serve.add_argument(
        "--vae-tiling", action="store_true", help="Always decode in tiles, not only out of memory."
    )
    serve.add_argument(
        "--tile",
        metavar="PIXELS",
        type=int,
        default=0,
        help="Denoise larger pictures in overlapping tiles of this side, so that memory follows "
        "the tile; 0, the default, denoises them whole.",
    )
    serve.add_argument(
        "--compile",
        metavar="BACKEND",
        nargs="?",
        const="inductor",
        default="",
        help="torch.compile for the U-Net: slow at first, then faster; best with --exact.",
    )


def _add_network(serve: Parser) -> None:
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help="Where it listens. Others than this machine need a token.",
    )
    serve.add_argument("--port", type=int, default=7861, help="7861 unless given.")
    serve.add_argument(
        "--token", default="", help="What clients must send; better in SDPLAY_LOCAL_TOKEN."
    )
    serve.add_argument(
        "--without-token", action="store_true", help="Listen to other machines without a token."
    )


def _add_card(serve: Parser) -> None:
    serve.add_argument(
        "--device", default="", help="cuda, mps or cpu; the fastest there is unless given."
    )
    serve.add_argument(
        "--dtype", default="", help="fp32, fp16 or bf16; fp16 on cards and fp32 on the CPU."
    )
    serve.add_argument(
        "--config", default="", help="A diffusers folder of the same kind, for a .safetensors file."
    )
    serve.add_argument(
        "--rows", type=int, default=16, help="Rows of one U-Net call; with CFG a picture takes two."
    )
    serve.add_argument(
        "--exact",
        action="store_true",
        help="Always that many rows: pictures are bit-identical alone and in company, but slower "
        "alone.",
    )


def _add_limits(serve: Parser) -> None:
    serve.add_argument(
        "--at-once", type=int, default=32, help="Pictures in the making at the same time."
    )
    serve.add_argument("--queue", type=int, default=500, help="Pictures that may wait.")
    serve.add_argument("--max-side", type=int, default=2048, help="Largest width and height.")
    serve.add_argument("--max-steps", type=int, default=150, help="Most steps.")
    serve.add_argument(
        "--end-with-input",
        action="store_true",
        help="End when standard input ends: with whoever started it, however that happens.",
    )
    serve.add_argument(
        "--ray",
        type=int,
        default=0,
        metavar="N",
        help="N replicas on Ray Serve, each on a card of its own; a sweep stays on one.",
    )


def _serve(options: argparse.Namespace) -> None:
    if options.end_with_input:
        threading.Thread(target=_end_with_input, name="input", daemon=True).start()
    token = _checked_token(options)
    _check_counts(options)
    try:
        import uvicorn

        from sdplay.server.app import build
        from sdplay.server.limits import Doorman, Limits
    except ImportError as error:
        raise BadParams(f"{EXTRA} ({error.name} is missing).") from error
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    queue = _queue(options)
    limits = Limits(options.max_side, options.max_steps)
    open_to_all = options.without_token and not _only_this_machine(options.host)
    at = {
        "host": options.host,
        "port": options.port,
        "log_level": "warning",
        "timeout_graceful_shutdown": 2,
    }
    if options.ray < 1:
        uvicorn.run(build(queue, token=token, limits=limits, any_host=open_to_all), **at)
        return
    from sdplay.server.replicas import serve_replicas

    with serve_replicas(queue, limits, options.ray) as router:
        uvicorn.run(Doorman(router, token, limits, open_to_all), **at, lifespan="off", ws="none")


def _checked_token(options: argparse.Namespace) -> str:
    token: str = options.token or setting("SDPLAY_LOCAL_TOKEN")
    if not _only_this_machine(options.host) and not token and not options.without_token:
        raise BadParams(
            f"{options.host} can be reached from other machines. Give a token with --token or in "
            "SDPLAY_LOCAL_TOKEN, or say --without-token."
        )
    return token


def _check_counts(options: argparse.Namespace) -> None:
    for name in ("rows", "at_once", "queue", "max_side", "max_steps"):
        if getattr(options, name) < 1:
            raise BadParams(
                f"--{name.replace('_', '-')} must be at least 1, not {getattr(options, name)}."
            )
    if options.tile < 0 or options.tile % TILE_STEP:
        raise BadParams(
            f"--tile must be a multiple of {TILE_STEP} pixels, like 512, not {options.tile}."
        )


def _queue(options: argparse.Namespace) -> "Queue":
    from sdplay.backends.local.process import BUILTIN
    from sdplay.engine.torch.thrift import Thrift
    from sdplay.server.models import Machine, Models
    from sdplay.server.queue import Queue

    machine = Machine(
        options.device,
        options.dtype,
        options.config,
        options.rows,
        controlnets=tuple(options.controlnet),
        loras=tuple(options.lora_dir),
        embeddings=tuple(options.embedding_dir),
        upscalers=tuple(options.upscaler_dir),
        segmenter=options.segmenter,
        depth=options.depth,
        safety_checker=options.safety_checker,
        thrift=Thrift(options.offload, options.vae_tiling, options.tile, options.compile),
        exact=options.exact,
    )
    models = Models(options.model or [BUILTIN], machine)
    return Queue(models, at_once=options.at_once, most_waiting=options.queue)


def _end_with_input() -> None:
    """At once, whatever is at work: nobody is left to take the picture."""
    with contextlib.suppress(OSError):  # an input that breaks has ended too
        while os.read(0, 4096):
            pass
    os._exit(0)


def _only_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
