"""Tiny random checkpoints in diffusers' layout, made in a second: the shape of the real ones, none
of the size."""

import re

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    DPTConfig,
    DPTForDepthEstimation,
    DPTImageProcessor,
    SamConfig,
    SamModel,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}


def small_sd(folder, seed=0):
    """SD 1.x in small."""
    torch.manual_seed(seed)
    StableDiffusionPipeline(
        vae=_vae(),
        text_encoder=CLIPTextModel(_text()),
        tokenizer=tokenizer(),
        unet=_unet(),
        scheduler=DDIMScheduler(**SCHEDULE),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def small_sdxl(folder, seed=0):
    """SDXL in small: two text encoders, a pooled prompt and the picture's size as further
    conditions."""
    torch.manual_seed(seed)
    unet = _unet(
        cross_attention_dim=64,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=80,
    )
    StableDiffusionXLPipeline(
        vae=_vae(),
        text_encoder=CLIPTextModel(_text()),
        text_encoder_2=CLIPTextModelWithProjection(_text()),
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(),
        unet=unet,
        scheduler=DDIMScheduler(**SCHEDULE),
    ).save_pretrained(folder)
    return folder


def small_sd3(folder, seed=6):
    """Stable Diffusion 3 in small, without its third text encoder."""
    torch.manual_seed(seed)
    transformer = SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=64,
        caption_projection_dim=32,
        pooled_projection_dim=64,
        out_channels=4,
    )
    StableDiffusion3Pipeline(
        transformer=transformer.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=_vae(shift_factor=0.06),
        text_encoder=CLIPTextModelWithProjection(_text()),
        tokenizer=tokenizer(),
        text_encoder_3=None,
        tokenizer_3=None,
        text_encoder_2=CLIPTextModelWithProjection(_text()),
        tokenizer_2=tokenizer(),
    ).save_pretrained(folder)
    return folder


def small_flux(folder, seed=8, *, guided=True):
    """FLUX in small: a T5 beside CLIP, and CFG learned (dev) or left away (schnell)."""
    torch.manual_seed(seed)
    transformer = FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=guided,
    )
    letters = [
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        *((chr(at), -1.0) for at in range(33, 127)),
        ("▁", -1.0),
    ]
    reader = T5Config(
        vocab_size=len(letters) + 100, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4
    )
    FluxPipeline(
        transformer=transformer.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=_vae(shift_factor=0.06),
        text_encoder=CLIPTextModel(_text()),
        tokenizer=tokenizer(),
        text_encoder_2=T5EncoderModel(reader),
        tokenizer_2=T5Tokenizer(vocab=letters, model_max_length=512),
    ).save_pretrained(folder)
    return folder


def small_refiner(folder, seed=9):
    """SDXL's refiner in small: the second text encoder only, and a mark for beauty instead of the
    target size."""
    torch.manual_seed(seed)
    unet = _unet(
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=72,
    )
    StableDiffusionXLImg2ImgPipeline(
        vae=_vae(),
        text_encoder=None,
        text_encoder_2=CLIPTextModelWithProjection(_text()),
        tokenizer=None,
        tokenizer_2=tokenizer(),
        unet=unet,
        scheduler=DDIMScheduler(**SCHEDULE),
        requires_aesthetics_score=True,
        force_zeros_for_empty_prompt=False,
    ).save_pretrained(folder)
    return folder


def small_controlnet(folder, base, seed=5):
    """A ControlNet for `base` that steers: its zero convolutions are filled."""
    torch.manual_seed(seed)
    net = ControlNetModel.from_unet(UNet2DConditionModel.from_pretrained(base / "unet"))
    with torch.no_grad():
        for part in (
            net.controlnet_down_blocks,
            net.controlnet_mid_block,
            net.controlnet_cond_embedding.conv_out,
        ):
            for weights in part.parameters():
                weights.normal_(0, 0.2)
    net.save_pretrained(folder)
    return folder


def small_esrgan(file, scale=4, seed=0):
    """Real-ESRGAN in small, under the names that its checkpoints use."""
    torch.manual_seed(seed)
    width, grown, tensors = 8, 32, {}
    ups = [f"conv_up{at + 1}" for at in range({1: 0, 2: 1, 4: 2}[scale])]
    shapes = {
        "conv_first": (width, 3),
        "conv_last": (3, width),
        **dict.fromkeys(("conv_body", "conv_hr", *ups), (width, width)),
    }
    for block in range(3):
        for at in range(5):
            shapes[f"body.0.rdb{block + 1}.conv{at + 1}"] = (
                grown if at < 4 else width,
                width + at * grown,
            )
    for name, (out, into) in shapes.items():
        tensors |= {
            f"{name}.weight": torch.randn(out, into, 3, 3) / (3 * into**0.5),
            f"{name}.bias": torch.rand(out) * 0.1,
        }
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)
    return file


def small_sam(folder, seed=0):
    """Segment Anything in small; its masks are bold, and it is sure of them."""
    torch.manual_seed(seed)
    model = SamModel(
        SamConfig(
            vision_config={
                "hidden_size": 16,
                "output_channels": 16,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "image_size": 64,
                "patch_size": 4,
                "mlp_dim": 32,
                "window_size": 4,
                "num_pos_feats": 8,
                "global_attn_indexes": [1],
                "initializer_range": 0.5,
            },
            prompt_encoder_config={"hidden_size": 16, "image_size": 64, "patch_size": 4},
            mask_decoder_config={
                "hidden_size": 16,
                "mlp_dim": 32,
                "num_attention_heads": 2,
                "iou_head_hidden_dim": 16,
            },
            initializer_range=0.5,
        )
    )
    with torch.no_grad():
        model.mask_decoder.iou_prediction_head.proj_out.bias.fill_(1.0)
        model.mask_decoder.iou_prediction_head.proj_out.weight.mul_(0.01)
        for layer in model.mask_decoder.output_hypernetworks_mlps:
            layer.proj_out.weight.mul_(1000)
    model.save_pretrained(folder)
    return folder


def small_depth(folder, seed=0):
    """A network for depth in small; what it tells is chance, but of every pixel."""
    torch.manual_seed(seed)
    config = DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=8,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        reassemble_factors=[4, 2, 1, 0.5],
        fusion_hidden_size=8,
        readout_type="ignore",
        is_hybrid=False,
        initializer_range=0.4,
    )
    DPTForDepthEstimation(config).save_pretrained(folder)
    DPTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def _unet(**more):
    return UNet2DConditionModel(
        **{
            "sample_size": 32,
            "block_out_channels": (32, 64),
            "layers_per_block": 1,
            "norm_num_groups": 8,
            "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
            "cross_attention_dim": 32,
            "attention_head_dim": 8,
            **more,
        }
    ).eval()


def _vae(**more):
    levels = 4
    return AutoencoderKL(
        block_out_channels=(16, 16, 32, 32),
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=4,
        sample_size=64,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        **more,
    ).eval()


def _text():
    return CLIPTextConfig(
        vocab_size=1000,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=32,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
    )


def tokenizer():
    """Bytes, and bytes that end a word: every text has tokens."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in keep]
    letters = [chr(byte) for byte in keep] + [chr(256 + at) for at in range(len(rest))]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={word: at for at, word in enumerate(words)}, merges=[], model_max_length=77
    )


def single_file(folder, file):
    """The same weights under the names that single-file checkpoints give them."""
    tensors = {}
    for part, prefix, renamed in (
        ("unet", "model.diffusion_model.", _old_unet_name),
        ("vae", "first_stage_model.", _old_vae_name),
        ("text_encoder", "cond_stage_model.transformer.", _old_text_name),
    ):
        (weights,) = (folder / part).glob("*.safetensors")
        for name, tensor in load_file(weights).items():
            old = prefix + renamed(name)
            is_conv = ".attn_1." in old and old.endswith("weight") and tensor.ndim == 2
            tensors[old] = tensor[..., None, None] if is_conv else tensor
    save_file(tensors, file)
    return file


_PLACES = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "down_blocks.0.resnets.0": "input_blocks.1.0",
    "down_blocks.0.attentions.0": "input_blocks.1.1",
    "down_blocks.0.downsamplers.0.conv": "input_blocks.2.0.op",
    "down_blocks.1.resnets.0": "input_blocks.3.0",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
    "up_blocks.0.resnets.0": "output_blocks.0.0",
    "up_blocks.0.resnets.1": "output_blocks.1.0",
    "up_blocks.0.upsamplers.0.conv": "output_blocks.1.1.conv",
    "up_blocks.1.resnets.0": "output_blocks.2.0",
    "up_blocks.1.attentions.0": "output_blocks.2.1",
    "up_blocks.1.resnets.1": "output_blocks.3.0",
    "up_blocks.1.attentions.1": "output_blocks.3.1",
}
_INSIDE = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}


def _old_unet_name(name):
    place = max((each for each in _PLACES if name.startswith(each + ".")), key=len)
    rest = name[len(place) + 1 :]
    first, _, last = rest.partition(".")
    inside = f"{_INSIDE[first]}.{last}" if ".resnets." in name else rest
    return f"{_PLACES[place]}.{inside}"


def _old_vae_name(name):
    for new, old in (
        ("mid_block.resnets.0", "mid.block_1"),
        ("mid_block.resnets.1", "mid.block_2"),
        ("mid_block.attentions.0.group_norm", "mid.attn_1.norm"),
        ("mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out"),
        ("mid_block.attentions.0.to_", "mid.attn_1."),
        ("conv_norm_out", "norm_out"),
        ("conv_shortcut", "nin_shortcut"),
        (".resnets.", ".block."),
        (".downsamplers.0.", ".downsample."),
        (".upsamplers.0.", ".upsample."),
        ("down_blocks.", "down."),
    ):
        name = name.replace(new, old)
    return re.sub(r"up_blocks\.(\d)", lambda found: f"up.{3 - int(found[1])}", name)


def _old_text_name(name):
    return name if name.startswith("text_model.") else f"text_model.{name}"


def small_lora(file, base, seed=7, *, rank=4, dialect="kohya"):
    """A LoRA for `base` as kohya's or diffusers' trainer writes it: attention, convolutions and the
    prompt."""
    generator, tensors = torch.Generator().manual_seed(seed), {}
    for part, name, (out, *rest) in _layers_for_loras(base):
        down = torch.randn([rank, *rest], generator=generator) * 0.3
        up = torch.randn([out, rank, *[1] * (len(rest) - 1)], generator=generator) * 0.3
        if dialect == "kohya":
            layer = _kohya_name(part, name, wide=(base / "text_encoder_2").is_dir())
            more = {f"{layer}.alpha": torch.tensor(2.0)}
            tensors |= {f"{layer}.lora_down.weight": down, f"{layer}.lora_up.weight": up, **more}
        else:
            tensors |= {f"{part}.{name}.lora_A.weight": down, f"{part}.{name}.lora_B.weight": up}
    save_file(tensors, file)
    return file


def small_checker(folder, threshold, seed=4):
    """A safety checker that objects to everything more like its one concept than `threshold` (a
    cosine)."""
    torch.manual_seed(seed)
    seen = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
        projection_dim=16,
    )
    network = StableDiffusionSafetyChecker(
        CLIPConfig(text_config=_text(), vision_config=seen, projection_dim=16)
    )
    network.concept_embeds.data.normal_()
    network.concept_embeds_weights.data.fill_(9)[0] = threshold
    network.special_care_embeds_weights.data.fill_(9)
    network.save_pretrained(folder / "safety_checker")
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32).save_pretrained(
        folder / "feature_extractor"
    )
    return folder


def small_embedding(file, *, wide=False, vectors=2, seed=3):
    """Vectors that a word may stand for; `wide` for SDXL."""
    generator = torch.Generator().manual_seed(seed)
    names = ("clip_l", "clip_g") if wide else ("emb_params",)
    save_file({name: torch.randn(vectors, 32, generator=generator) for name in names}, file)
    return file


def _layers_for_loras(base):
    wanted = re.compile(
        r"(to_[qkv]|to_out\.0|q_proj|out_proj|fc1|ff\.net\.2|proj_in"
        r"|resnets\.\d\.conv1|downsamplers\.0\.conv)\.weight"
    )
    for part in ("unet", "text_encoder", "text_encoder_2"):
        for weights in sorted((base / part).glob("*.safetensors")):
            for name, tensor in load_file(weights).items():
                if wanted.search(name):
                    yield part, name.removesuffix(".weight"), tensor.shape


def _kohya_name(part, name, wide):
    """SDXL's U-Net goes by Stability's names, SD's by diffusers'."""
    if part == "unet":
        old = _old_unet_name(f"{name}.weight").removesuffix(".weight") if wide else name
        return f"lora_unet_{old}".replace(".", "_")
    at = {"text_encoder": "1" if wide else "", "text_encoder_2": "2"}[part]
    return f"lora_te{at}_{_old_text_name(name)}".replace(".", "_")
