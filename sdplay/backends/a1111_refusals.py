"""What to do when an A1111 server refuses: its own words for the cause, and our advice."""

_ADVICE = {
    "sampler not found": "Choose another scheduler: this server has none of that name.",
    "bad sampler name": "Choose another scheduler: this server has none of that name.",
    "unipc order": "Take more steps, or another scheduler. With a start image only steps times "
    "strength are made.",
    "could not find upscaler": "Choose another upscaler: this server has none of that name.",
    "could not find checkpoint": "Choose another checkpoint: this server has none of that name.",
    "init image not found": "The start image did not arrive: choose it again.",
    "nansexception": "The model broke down on these settings: try another size, model or VAE.",
    "tensor with nans": "The model broke down on these settings: try another size, model or VAE.",
    "sizes of tensors must match": "This model takes other sizes: try multiples of 64.",
    "controlnet model not found": "Choose another ControlNet model: this server has none of that "
    "name.",
    "not found": "Something named in the request is unknown there: choose another, or look at the "
    "raw payload fields.",
}
"""Words of the server in lower case, and what a person can do about them."""


def advice_for(said: str) -> str:
    """What to do about the cause that the server tells; empty for one we do not know."""
    text = said.lower()
    return next((advice for words, advice in _ADVICE.items() if words in text), "")
