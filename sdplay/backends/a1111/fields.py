"""What A1111 calls our settings in a request: for those who send one, and for our own server, which
reads it."""

from collections.abc import Mapping

FIELDS: dict[str, str] = {
    "prompt": "prompt",
    "negative_prompt": "negative",
    "steps": "steps",
    "cfg_scale": "cfg",
    "seed": "seed",
    "width": "width",
    "height": "height",
    "subseed": "variation_seed",
    "subseed_strength": "variation_strength",
    "eta": "eta",
    "tiling": "tiling",
    "mask_blur": "mask_blur",
    "refiner_checkpoint": "refiner",
    "refiner_switch_at": "refiner_at",
    "styles": "styles",
    "denoising_strength": "strength",
    "hr_scale": "hires_scale",
    "hr_second_pass_steps": "hires_steps",
    "hr_upscaler": "hires_upscaler",
    "hr_checkpoint_name": "hires_model",
    "hr_prompt": "hires_prompt",
    "hr_negative_prompt": "hires_negative",
    "restore_faces": "faces",
    "inpainting_fill": "inpaint_fill",
    "inpaint_full_res": "only_masked",
    "inpaint_full_res_padding": "masked_padding",
}
"""A1111's field names and our knobs."""
FILLS = ("fill", "original", "latent noise", "latent nothing")
"""A1111's words for what a masked part starts from; a request says their place."""
OPTIONS: dict[str, str] = {
    "sd_model_checkpoint": "model",
    "CLIP_stop_at_last_layers": "clip_skip",
    "sd_vae": "vae",
}
"""A1111's options that a request overrides, and our knobs."""
FACE_FIELDS: Mapping[str, Mapping[str, float]] = {
    "GFPGAN": {"gfpgan_visibility": 1.0},
    "CodeFormer": {"codeformer_visibility": 1.0, "codeformer_weight": 0.5},
}
"""The fields of the extras that use a network for faces, by its name; CodeFormer's weight of 0.5
keeps a face's likeness."""
