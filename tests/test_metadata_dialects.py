"""Files of other programs: each dialect's text, written after its documented form, read into our
settings."""

import json
import random

import pytest

from sdplay.metadata import read
from sdplay.metadata.png import with_texts
from sdplay.params import Params
from sdplay.picture import png_bytes
from tests.making import colour

COMFY = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 42,
            "steps": 25,
            "cfg": 6.5,
            "sampler_name": "dpmpp_2m",
            "scheduler": "karras",
            "denoise": 1.0,
            "model": ["10", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {
        "class_type": "CheckpointLoaderSimple",
        "inputs": {"ckpt_name": "dreamshaper_8.safetensors"},
    },
    "5": {
        "class_type": "EmptyLatentImage",
        "inputs": {"width": 512, "height": 768, "batch_size": 1},
    },
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox, snow", "clip": ["10", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["10", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["11", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
    "10": {
        "class_type": "LoraLoader",
        "inputs": {
            "lora_name": "x.safetensors",
            "strength_model": 1,
            "model": ["4", 0],
            "clip": ["4", 1],
        },
    },
    "11": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 43,
            "steps": 12,
            "cfg": 8,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 0.4,
            "model": ["4", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["12", 0],
        },
    },
    "12": {
        "class_type": "LatentUpscale",
        "inputs": {"samples": ["3", 0], "width": 1024, "height": 1536},
    },
}
CUSTOM = {
    "1": {"class_type": "RandomNoise", "inputs": {"noise_seed": ["20", 0]}},
    "2": {
        "class_type": "CFGGuider",
        "inputs": {"cfg": 3, "model": ["8", 0], "positive": ["6", 0], "negative": ["7", 0]},
    },
    "3": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler_ancestral"}},
    "4": {
        "class_type": "BasicScheduler",
        "inputs": {"scheduler": "normal", "steps": 14, "denoise": 0.6, "model": ["8", 0]},
    },
    "5": {
        "class_type": "SamplerCustomAdvanced",
        "inputs": {
            "noise": ["1", 0],
            "guider": ["2", 0],
            "sampler": ["3", 0],
            "sigmas": ["4", 0],
            "latent_image": ["9", 0],
        },
    },
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["21", 0], "clip": ["8", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "grey", "clip": ["8", 1]}},
    "8": {"class_type": "UNETLoader", "inputs": {"unet_name": "sd3.safetensors"}},
    "9": {
        "class_type": "EmptySD3LatentImage",
        "inputs": {"width": 640, "height": 640, "batch_size": 1},
    },
    "20": {"class_type": "PrimitiveInt", "inputs": {"value": 99}},
    "21": {"class_type": "PrimitiveString", "inputs": {"value": "a rocket"}},
}
WORKFLOW = {
    "nodes": [
        {
            "id": 3,
            "type": "KSampler",
            "widgets_values": [5, "randomize", 20, 7, "heun", "normal", 1],
            "inputs": [
                {"name": "model", "link": 1},
                {"name": "positive", "link": 2},
                {"name": "negative", "link": 3},
                {"name": "latent_image", "link": 4},
            ],
        },
        {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["v1-5.ckpt"]},
        {"id": 5, "type": "EmptyLatentImage", "widgets_values": [512, 512, 1]},
        {
            "id": 6,
            "type": "CLIPTextEncode",
            "widgets_values": ["a lighthouse"],
            "inputs": [{"name": "clip"}],
        },
        {"id": 7, "type": "CLIPTextEncode", "widgets_values": ["text"]},
    ],
    "links": [
        [1, 4, 0, 3, 0, "MODEL"],
        [2, 6, 0, 3, 1, "CONDITIONING"],
        [3, 7, 0, 3, 2, "CONDITIONING"],
        [4, 5, 0, 3, 3, "LATENT"],
    ],
}
FOOOCUS = {
    "adm_guidance": "(1.5, 0.8, 0.3)",
    "base_model": "juggernautXL_v8Rundiffusion",
    "base_model_hash": "aeb7e9e689",
    "full_prompt": ["cinematic still a fox"],
    "guidance_scale": 4,
    "loras": [],
    "metadata_scheme": "fooocus",
    "negative_prompt": "",
    "performance": "Speed",
    "prompt": "a fox",
    "refiner_model": "None",
    "refiner_switch": 0.5,
    "resolution": "(1152, 896)",
    "sampler": "dpmpp_2m_sde_gpu",
    "scheduler": "karras",
    "seed": "127589946317439009",
    "sharpness": 2,
    "steps": 30,
    "styles": "['Fooocus V2']",
    "vae": "Default (model)",
    "version": "Fooocus v2.5.5",
}
INVOKE = {
    "app_version": "5.6.0",
    "generation_mode": "img2img",
    "positive_prompt": "a fox",
    "negative_prompt": "blur",
    "width": 512,
    "height": 640,
    "seed": 2999999999,
    "rand_device": "cpu",
    "cfg_scale": 7.5,
    "steps": 30,
    "scheduler": "dpmpp_2m_k",
    "strength": 0.6,
    "clip_skip": 0,
    "model": {
        "key": "k",
        "hash": "blake3:00",
        "name": "stable-diffusion-v1-5",
        "base": "sd-1",
        "type": "main",
    },
}
INVOKE_2 = {
    "model": "stable diffusion",
    "model_weights": "stable-diffusion-1.5",
    "app_id": "invoke-ai/InvokeAI",
    "app_version": "2.3.5",
    "image": {
        "prompt": [{"prompt": "a fox [blur] [text]", "weight": 1.0}],
        "steps": 50,
        "cfg_scale": 7.5,
        "height": 512,
        "width": 512,
        "seed": 7,
        "type": "txt2img",
        "sampler": "k_lms",
    },
}
SWARM = {
    "sui_image_params": {
        "prompt": "a fox",
        "negativeprompt": "blur",
        "model": "OfficialStableDiffusion/sd_xl_base_1.0",
        "seed": 11,
        "steps": 20,
        "cfgscale": 7,
        "width": 1024,
        "height": 1024,
        "sampler": "uni_pc",
        "scheduler": "karras",
        "swarm_version": "0.9.6",
    }
}
CIVITAI = {
    "resource-stack": {
        "class_type": "CheckpointLoaderSimple",
        "inputs": {"ckpt_name": "urn:air:sd1:1@2"},
    },
    "extra": {"airs": []},
    "extraMetadata": json.dumps(
        {
            "prompt": "a fox",
            "negativePrompt": "blur",
            "steps": 25,
            "cfgScale": 7,
            "sampler": "Euler a",
            "seed": 1234567890,
            "workflowId": "txt2img",
            "resources": [],
        }
    ),
}

A1111 = """a fox, (snow:1.2)
in the morning
Negative prompt: blur,
text
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 965400086, Size: 512x768, \
Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Denoising strength: 0.7, Clip skip: 2, \
Hires upscale: 2, \
Hires steps: 10, Hires upscaler: R-ESRGAN 4x+, Lora hashes: "a: 1f2e, b: 3d4c", Version: v1.10.1"""
OLD = (
    "a fox\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 3, Size: 512x512, "
    "Model hash: 7460a6fa, Eta: 0.5"
)
FORGE = """a fox
Steps: 20, Sampler: DPM++ 2M, Schedule type: Automatic, CFG scale: 1, Distilled CFG Scale: 3.5, \
Seed: 8, \
Size: 896x1152, Model hash: bea01d51bd, Model: flux1-dev-bnb-nf4-v2, \
Version: f2.0.1v1.10.1-previous-224-g900196889, \
Module 1: ae"""
SDNEXT = """a fox
Negative prompt: blur
Steps: 10, Size: 768x512, Sampler: Euler a, Seed: 666, CFG scale: 5.5, App: SD.Next, \
Version: 8b73cb6, \
Pipeline: StableDiffusionPipeline, Hires strength: 0.4, Hires scale: 1.5, Model: dreamshaper"""
SDCPP = """a fox
Negative prompt: blur
Steps: 30, CFG scale: 5.000000, Guidance: 3.500000, Eta: 0.000000, Seed: 197583933, Size: 512x512, \
Model: v1-5-pruned-emaonly.safetensors, RNG: cuda, Sampler: dpm++2m karras, \
Version: stable-diffusion.cpp"""
CIVITAI_TEXT = """a fox
Negative prompt: Steps: 23, Sampler: Euler a, CFG scale: 3.5, Seed: 1760020955, Size: 832x1216, \
Clip skip: 2, \
Created Date: 2025-11-28T09:18:43.5269343Z, \
Civitai resources: [{"type":"lora","weight":0.8,"modelVersionId":1},\
{"type":"checkpoint","modelVersionId":128713,"modelName":"DreamShaper, \
the 8th","modelVersionName":"8"}], \
Civitai metadata: {}"""
FOOOCUS_TEXT = """a fox
Negative prompt: blur
Steps: 30, Sampler: DPM++ 2M SDE Karras, Seed: 5, Size: 1024x1024, CFG scale: 4, Sharpness: 2, \
Scheduler: karras, \
Performance: Speed, Model hash: aeb7e9e689, Model: juggernautXL, Styles: "['Fooocus V2', \
'Sharp']", \
Version: Fooocus v2.5.5"""

CASES = {
    "a1111": (
        "A1111",
        "parameters",
        A1111,
        {
            "prompt": "a fox, (snow:1.2)\nin the morning",
            "negative": "blur,\ntext",
            "steps": 20,
            "seed": 965400086,
            "scheduler": "dpmpp_2m_karras",
            "width": 512,
            "height": 768,
            "model": "v1-5-pruned-emaonly",
            "clip_skip": 2,
            "hires_scale": 2.0,
            "hires_steps": 10,
            "hires_strength": 0.7,
            "hires_upscaler": "R-ESRGAN 4x+",
            "cfg": 7.0,
        },
    ),
    "a1111 of 2022": (
        "A1111",
        "parameters",
        OLD,
        {"scheduler": "dpmpp_2m_karras", "eta": 0.5, "cfg": 7.5},
    ),
    "forge": (
        "Forge",
        "parameters",
        FORGE,
        {"scheduler": "dpmpp_2m_karras", "cfg": 1.0, "width": 896},
    ),
    "sdnext": (
        "SD.Next",
        "parameters",
        SDNEXT,
        {"scheduler": "euler_a", "hires_strength": 0.4, "hires_scale": 1.5},
    ),
    "sdcpp": (
        "stable-diffusion.cpp",
        "parameters",
        SDCPP,
        {"scheduler": "dpmpp_2m_karras", "cfg": 5.0, "eta": 0.0},
    ),
    "civitai": (
        "Civitai",
        "parameters",
        CIVITAI_TEXT,
        {
            "prompt": "a fox",
            "negative": "",
            "steps": 23,
            "model": "DreamShaper, the 8th",
            "clip_skip": 2,
        },
    ),
    "civitai's generator": (
        "Civitai",
        "UserComment",
        json.dumps(CIVITAI),
        {
            "prompt": "a fox",
            "negative": "blur",
            "steps": 25,
            "cfg": 7.0,
            "scheduler": "euler_a",
            "seed": 1234567890,
        },
    ),
    "comfyui": (
        "ComfyUI",
        "prompt",
        json.dumps(COMFY),
        {
            "prompt": "a fox, snow",
            "negative": "blurry",
            "seed": 42,
            "steps": 25,
            "cfg": 6.5,
            "width": 512,
            "height": 768,
            "scheduler": "dpmpp_2m_karras",
            "model": "dreamshaper_8.safetensors",
        },
    ),
    "comfyui's parts": (
        "ComfyUI",
        "prompt",
        json.dumps(CUSTOM),
        {
            "prompt": "a rocket",
            "negative": "grey",
            "seed": 99,
            "steps": 14,
            "cfg": 3.0,
            "strength": 0.6,
            "width": 640,
            "height": 640,
            "scheduler": "euler_a",
            "model": "sd3.safetensors",
        },
    ),
    "comfyui's workflow": (
        "ComfyUI",
        "workflow",
        json.dumps(WORKFLOW),
        {
            "prompt": "a lighthouse",
            "negative": "text",
            "seed": 5,
            "steps": 20,
            "cfg": 7.0,
            "width": 512,
            "height": 512,
            "scheduler": "heun",
            "model": "v1-5.ckpt",
        },
    ),
    "fooocus": (
        "Fooocus",
        "parameters",
        json.dumps(FOOOCUS),
        {
            "prompt": "a fox",
            "negative": "",
            "steps": 30,
            "cfg": 4.0,
            "seed": 127589946317439009,
            "width": 1152,
            "height": 896,
            "model": "juggernautXL_v8Rundiffusion",
            "scheduler": "dpmpp_2m_sde_karras",
        },
    ),
    "fooocus in a1111's form": (
        "Fooocus",
        "parameters",
        FOOOCUS_TEXT,
        {"scheduler": "dpmpp_2m_sde_karras", "model": "juggernautXL", "cfg": 4.0},
    ),
    "invokeai": (
        "InvokeAI",
        "invokeai_metadata",
        json.dumps(INVOKE),
        {
            "prompt": "a fox",
            "negative": "blur",
            "seed": 2999999999,
            "steps": 30,
            "cfg": 7.5,
            "strength": 0.6,
            "width": 512,
            "height": 640,
            "model": "stable-diffusion-v1-5",
            "scheduler": "dpmpp_2m_karras",
        },
    ),
    "invokeai 2": (
        "InvokeAI",
        "sd-metadata",
        json.dumps(INVOKE_2),
        {
            "prompt": "a fox",
            "negative": "blur, text",
            "steps": 50,
            "scheduler": "lms",
            "model": "stable-diffusion-1.5",
        },
    ),
    "swarmui": (
        "SwarmUI",
        "parameters",
        json.dumps(SWARM),
        {
            "prompt": "a fox",
            "negative": "blur",
            "cfg": 7.0,
            "scheduler": "unipc_karras",
            "seed": 11,
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_of_that_program_gives_its_settings(name):
    dialect, key, text, expected = CASES[name]
    found = read(with_texts(png_bytes(colour()), {key: text}))
    assert found.dialect == dialect
    assert dict(found.settings) | expected == dict(found.settings)
    assert found.text == text


@pytest.mark.parametrize(
    "name", ["a1111", "sdnext", "sdcpp", "comfyui", "fooocus", "invokeai", "civitai"]
)
def test_what_fits_leaves_no_note(name):
    _, key, text, _ = CASES[name]
    assert read(with_texts(png_bytes(colour()), {key: text})).notes == ()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[2].startswith("{")])
def test_a_text_with_odd_values_never_stops_a_picture_from_being_read(name, seed):
    _, key, text, _ = CASES[name]
    spoilt = spoil(json.loads(text), random.Random(seed))
    found = read(with_texts(png_bytes(colour()), {key: json.dumps(spoilt)}))
    Params(**{"width": 64, **found.settings})


def spoil(value, dice):
    """The same with some values of another kind."""
    if dice.random() < 0.15:
        return dice.choice(
            [None, -1, 10**30, "x", [], {}, [None], {"a": 1}, float("nan"), True, [["3", 0]]]
        )
    if isinstance(value, dict):
        return {key: spoil(each, dice) for key, each in value.items()}
    return [spoil(each, dice) for each in value] if isinstance(value, list) else value


def test_a_graph_that_links_in_circles_is_read_to_its_end():
    graph = {
        "1": {
            "class_type": "KSampler",
            "inputs": {"seed": ["2", 0], "steps": 3, "latent_image": ["1", 0]},
        },
        "2": {"class_type": "Loop", "inputs": {"seed": ["2", 0], "value": ["1", 0]}},
    }
    assert read(with_texts(png_bytes(colour()), {"prompt": json.dumps(graph)})).settings == {}


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", "null", '{"1": null}', '{"nodes": 3}', "{" * 100_000, "hello"]
)
def test_a_text_of_no_known_form_gives_no_settings(text):
    for key in ("parameters", "prompt", "workflow", "invokeai_metadata", "sd-metadata"):
        found = read(with_texts(png_bytes(colour()), {key: text}))
        assert (found.settings, found.notes) == ({}, ("The picture carries no settings.",))
