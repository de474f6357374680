"""The options of an A1111 server that change pixels without standing in the request."""

from collections.abc import Mapping
from typing import Any

DEFAULTS: dict[str, Any] = {
    "sd_vae": "Automatic",
    "eta_noise_seed_delta": 0,
    "eta_ancestral": 1.0,
    "eta_ddim": 0.0,
    "CLIP_stop_at_last_layers": 1,
    "randn_source": "GPU",
    "samples_format": "png",
    "emphasis": "Original",
    "token_merging_ratio": 0.0,
    "token_merging_ratio_img2img": 0.0,
    "token_merging_ratio_hr": 0.0,
    "s_min_uncond": 0.0,
    "s_min_uncond_all": False,
    "s_churn": 0.0,
    "s_tmin": 0.0,
    "s_tmax": 0.0,
    "s_noise": 1.0,
    "sigma_min": 0.0,
    "sigma_max": 0.0,
    "rho": 0.0,
    "always_discard_next_to_last_sigma": False,
    "sgm_noise_multiplier": False,
    "skip_early_cond": 0.0,
    "uni_pc_variant": "bh1",
    "uni_pc_skip_type": "time_uniform",
    "uni_pc_order": 3,
    "uni_pc_lower_order_final": True,
    "sd_noise_schedule": "Default",
    "beta_dist_alpha": 0.6,
    "beta_dist_beta": 0.6,
    "sd_unet": "Automatic",
    "sd_hypernetwork": "None",
    "sd_lora": "None",
    "sd_vae_encode_method": "Full",
    "sd_vae_decode_method": "Full",
    "fp8_storage": "Disable",
    "upcast_attn": False,
    "enable_quantization": False,
    "pad_cond_uncond": False,
    "comma_padding_backtrack": 20,
    "initial_noise_multiplier": 1.0,
    "img2img_extra_noise": 0.0,
    "img2img_color_correction": False,
    "img2img_fix_steps": False,
    "inpainting_mask_weight": 1.0,
    "hires_fix_refiner_pass": "second pass",
    "hires_fix_use_firstpass_conds": False,
    "use_old_emphasis_implementation": False,
    "use_old_karras_scheduler_sigmas": False,
    "use_old_hires_fix_width_height": False,
    "no_dpmpp_sde_batch_determinism": False,
    "dont_fix_second_order_samplers_schedule": False,
    "tiling": False,
    "face_restoration": False,
}
"""What a fresh server has for each of them; one that says nothing of an option has this."""

_FIELDS = {
    "eta": ("eta_ancestral", "eta_ddim"),
    "restore_faces": ("face_restoration",),
    "tiling": ("tiling",),
    "s_min_uncond": ("s_min_uncond",),
    "s_churn": ("s_churn",),
    "s_tmin": ("s_tmin",),
    "s_tmax": ("s_tmax",),
    "s_noise": ("s_noise",),
    "initial_noise_multiplier": ("initial_noise_multiplier",),
}
"""Request fields that take the place of an option."""


def changed(options: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are not as a fresh server has them and that this request leaves alone."""
    overrides = body.get("override_settings")
    replaced = set(overrides) if isinstance(overrides, Mapping) else set()
    replaced |= {name for field in body for name in _FIELDS.get(field, ())}
    return {
        name: options[name]
        for name, default in DEFAULTS.items()
        if name not in replaced and options.get(name) is not None and options[name] != default
    }


def as_words(options: Mapping[str, Any]) -> str:
    """Options as they stand behind a model's name."""
    return ", ".join(f"{name}={value}" for name, value in options.items())
