"""Tiny random checkpoints in diffusers' layout, made in a second: the shape of the real ones, none of the size."""

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False,
            "set_alpha_to_one": False, "steps_offset": 1}  # fmt: skip


def small_sd(folder, seed=0):
    """SD 1.x in small."""
    torch.manual_seed(seed)
    StableDiffusionPipeline(
        vae=_vae(), text_encoder=CLIPTextModel(_text()), tokenizer=_tokenizer(), unet=_unet(),
        scheduler=DDIMScheduler(**SCHEDULE), safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def small_sdxl(folder, seed=0):
    """SDXL in small: two text encoders, a pooled prompt and the picture's size as further conditions."""
    torch.manual_seed(seed)
    unet = _unet(cross_attention_dim=64, addition_embed_type="text_time", addition_time_embed_dim=8,
                 projection_class_embeddings_input_dim=80)  # fmt: skip
    StableDiffusionXLPipeline(
        vae=_vae(), text_encoder=CLIPTextModel(_text()), text_encoder_2=CLIPTextModelWithProjection(_text()),
        tokenizer=_tokenizer(), tokenizer_2=_tokenizer(), unet=unet, scheduler=DDIMScheduler(**SCHEDULE),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def small_controlnet(folder, base, seed=5):
    """A ControlNet for `base` that steers: its zero convolutions are filled."""
    torch.manual_seed(seed)
    net = ControlNetModel.from_unet(UNet2DConditionModel.from_pretrained(base / "unet"))
    with torch.no_grad():
        for part in (net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out):
            for weights in part.parameters():
                weights.normal_(0, 0.2)
    net.save_pretrained(folder)
    return folder


def _unet(**more):
    return UNet2DConditionModel(**{
        "sample_size": 32, "block_out_channels": (32, 64), "layers_per_block": 1, "norm_num_groups": 8,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"), "cross_attention_dim": 32, "attention_head_dim": 8,
        **more,
    }).eval()  # fmt: skip


def _vae():
    levels = 4
    return AutoencoderKL(
        block_out_channels=(16, 16, 32, 32), layers_per_block=1, norm_num_groups=8, latent_channels=4, sample_size=64,
        down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels,
    ).eval()  # fmt: skip


def _text():
    return CLIPTextConfig(vocab_size=1000, hidden_size=32, intermediate_size=64, num_hidden_layers=3,
                          num_attention_heads=4, max_position_embeddings=77, projection_dim=32, bos_token_id=512,
                          eos_token_id=513, pad_token_id=513)  # fmt: skip


def _tokenizer():
    """Bytes, and bytes that end a word: every text has tokens."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in keep]
    letters = [chr(byte) for byte in keep] + [chr(256 + at) for at in range(len(rest))]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={word: at for at, word in enumerate(words)}, merges=[], model_max_length=77)
