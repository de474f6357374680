"""What A1111's clients ask to fill their menus: models, samplers, options, memory.  The rest is
empty."""

import base64
from collections.abc import Callable
from typing import Any

import psutil
import torch
from fastapi import APIRouter
from PIL import Image
from pydantic import BaseModel

from sdplay.errors import BadParams
from sdplay.picture import png_bytes
from sdplay.schedulers import SCHEDULERS, Scheduler
from sdplay.server.a1111.body import picture_in
from sdplay.server.a1111.mask import upright
from sdplay.server.extras.preprocessors import Preprocessors
from sdplay.server.models import Models
from sdplay.server.request import SCHEDULERS_HERE

EMPTY = (
    "sd-vae",
    "hypernetworks",
    "face-restorers",
    "realesrgan-models",
    "prompt-styles",
    "script-info",
    "extensions",
)
LABELS = {
    "automatic": "Automatic",
    "uniform": "Uniform",
    "karras": "Karras",
    "exponential": "Exponential",
}


def lists(models: Models) -> APIRouter:
    """Add the routes that only read."""
    routes = APIRouter(prefix="/sdapi/v1", tags=["a1111"])
    for name in EMPTY:
        routes.add_api_route(f"/{name}", lambda: [], name=name)
    routes.add_api_route("/samplers", samplers)
    routes.add_api_route("/schedulers", schedules)
    routes.add_api_route("/memory", memory)
    routes.add_api_route("/cmd-flags", lambda: {"api": True, "nowebui": True}, name="cmd-flags")
    scripts = ["controlnet", "controlnet m2m"] if models.nets else []
    routes.add_api_route(
        "/scripts", lambda: {"txt2img": scripts, "img2img": scripts}, name="scripts"
    )
    routes.add_api_route(
        "/latent-upscale-modes", lambda: [{"name": "Latent"}], name="latent-upscale-modes"
    )
    routes.add_api_route("/upscalers", lambda: _named(models.upscalers.names), name="upscalers")
    routes.add_api_route("/interrogate", _interrogate, methods=["POST"])
    _add_models(routes, models)
    _add_options(routes, models)
    _add_addons(routes, models)
    return routes


def control(models: Models) -> APIRouter:
    """The routes of the ControlNet extension."""
    routes = APIRouter(prefix="/controlnet", tags=["a1111"])
    modules = {"module_list": list(models.preprocessors.names), "module_detail": {}}
    fields: dict[str, dict[str, Any]] = {
        "version": {"version": 3},
        "module_list": modules,
        "settings": {"control_net_unit_count": 10},
        "control_types": {"control_types": {}},
    }
    for name, answer in fields.items():
        routes.add_api_route(f"/{name}", _always(answer), name=name)
    _add_detect(routes, models.preprocessors)
    routes.add_api_route(
        "/model_list", lambda: {"model_list": list(models.nets)}, name="model_list"
    )
    return routes


class DetectBody(BaseModel):
    """Pictures for a preprocessor."""

    controlnet_module: str = "none"
    controlnet_input_images: list[str] = []
    controlnet_processor_res: int = 512


def _add_detect(routes: APIRouter, preprocessors: Preprocessors) -> None:
    @routes.post("/detect")
    def detect(body: DetectBody) -> dict[str, Any]:
        """What a preprocessor makes of these pictures, in their own size."""
        module = body.controlnet_module
        preprocessors.check(module)
        pictures = (upright(picture_in(text)) for text in body.controlnet_input_images)
        results = [preprocessors.preprocessed(picture, module) for picture in pictures]
        files = [png_bytes(Image.fromarray(pixels)) for pixels in results]
        return {"images": [base64.b64encode(file).decode() for file in files], "info": "Success"}


def _always(answer: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    return lambda: answer


def samplers() -> list[dict[str, Any]]:
    """The samplers by A1111's names; their options say which schedule type Automatic stands for."""
    named: dict[str, list[Scheduler]] = {}
    for entry in (SCHEDULERS[id] for id in SCHEDULERS_HERE):
        named.setdefault(entry.a1111[0] if entry.a1111 else entry.label, []).append(entry)
    return [
        {
            "name": name,
            "aliases": sorted({alias for entry in same for alias in entry.names()} - {name}),
            "options": {"scheduler": "karras"} if name == "DPM++ 2M" else {},
        }
        for name, same in named.items()
    ]


def schedules() -> list[dict[str, Any]]:
    """The schedule types that some sampler here has."""
    return [
        {
            "name": name,
            "label": label,
            "aliases": None,
            "default_rho": -1.0,
            "need_inner_model": False,
        }
        for name, label in LABELS.items()
    ]


def memory() -> dict[str, Any]:
    """Memory of this process and of its graphics card, in bytes."""
    machine = psutil.virtual_memory()
    ram = {
        "free": machine.available,
        "used": psutil.Process().memory_info().rss,
        "total": machine.total,
    }
    if not torch.cuda.is_available():
        return {"ram": ram, "cuda": {"error": "unavailable"}}
    free, total = torch.cuda.mem_get_info()
    return {
        "ram": ram,
        "cuda": {
            "system": {"free": free, "used": total - free, "total": total},
            "allocated": {"current": torch.cuda.memory_allocated()},
        },
    }


def _named(upscalers: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"name": name, "scale": 4.0} for name in ("None", *upscalers)]


def _interrogate() -> None:
    raise BadParams("This process has no model that describes pictures.")


def _add_models(routes: APIRouter, models: Models) -> None:
    @routes.get("/sd-models")
    def sd_models() -> list[dict[str, Any]]:
        return [
            {
                "title": model.title,
                "model_name": model.name,
                "hash": model.mark or None,
                "sha256": None,
                "filename": model.name,
                "config": None,
            }
            for model in models.by_name.values()
        ]

    @routes.post("/refresh-checkpoints")
    @routes.post("/refresh-embeddings")
    @routes.post("/refresh-loras")
    def refresh() -> None:
        models.refresh()

    @routes.post("/unload-checkpoint")
    def unload() -> dict[str, Any]:
        models.unload()
        return {}


def _add_options(routes: APIRouter, models: Models) -> None:
    @routes.get("/options")
    def options() -> dict[str, Any]:
        return {
            "sd_model_checkpoint": models.named("").title,
            "CLIP_stop_at_last_layers": 1,
            "samples_format": "png",
            "sd_vae": "Automatic",
            "sd_checkpoint_hash": models.named("").mark,
        }

    @routes.post("/options")
    def choose(changes: dict[str, Any]) -> None:
        """Only the model can be chosen for everybody; the rest belongs into a request."""
        current = options()
        for name, value in changes.items():
            if name not in current or (name != "sd_model_checkpoint" and value != current[name]):
                raise BadParams(
                    f"The option {name!r} cannot be set here, only sd_model_checkpoint."
                )
        if "sd_model_checkpoint" in changes:
            models.chosen = models.named(str(changes["sd_model_checkpoint"])).name


def _add_addons(routes: APIRouter, models: Models) -> None:
    @routes.get("/loras")
    def loras() -> list[dict[str, Any]]:
        return [
            {"name": name, "alias": name, "path": file.name, "metadata": {}}
            for name, file in models.loras.items()
        ]

    @routes.get("/embeddings")
    def embeddings() -> dict[str, dict[str, Any]]:
        """What prompts may name, and what was made for other kinds of models than the loaded
        one."""
        fields: dict[str, dict[str, Any]] = {"loaded": {}, "skipped": {}}
        for name in models.embeddings:
            embedding = models.embedding(name)
            fields["loaded" if embedding.fits else "skipped"][name] = {
                "step": None,
                "sd_checkpoint": None,
                "sd_checkpoint_name": None,
                "shape": embedding.vectors[-1].shape[1],
                "vectors": len(embedding.vectors[-1]),
            }
        return fields
