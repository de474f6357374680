"""Reads ComfyUI's graphs, from the sampler back to prompt, seed, size and model."""

from collections.abc import Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]
Graph = Mapping[str, Node]

MAX_NODES = 5000
MAX_SAMPLERS = 50
_WIDGETS = {
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": (
        "add_noise",
        "noise_seed",
        "",
        "steps",
        "cfg",
        "sampler_name",
        "scheduler",
    ),
    "SamplerCustom": ("add_noise", "noise_seed", "", "cfg"),
    "RandomNoise": ("noise_seed",),
    "KSamplerSelect": ("sampler_name",),
    "CFGGuider": ("cfg",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "CLIPTextEncode": ("text",),
    "EmptyLatentImage": ("width", "height"),
    "EmptySD3LatentImage": ("width", "height"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
}
"""The order of a node's values in a saved workflow, for workflows that do not name them."""
_SAMPLES = ("steps", "sampler_name", "sigmas", "guider")
_PROMPTS = ("text", "text_g", "prompt", "populated_text", "t5xxl", "clip_l", "string", "value")


def told(graph: Graph) -> dict[str, Any]:
    """The settings of a graph's first sampler: sampler and schedule under ComfyUI's names, all
    others under ours."""
    nodes = {
        str(id): node["inputs"]
        for id, node in list(graph.items())[:MAX_NODES]
        if isinstance(node, Mapping) and isinstance(node.get("inputs"), Mapping)
    }
    samplers = [
        id
        for id, inputs in nodes.items()
        if "latent_image" in inputs and any(k in inputs for k in _SAMPLES)
    ]
    sampler_ids = [
        id
        for id in samplers[:MAX_SAMPLERS]
        if not set(_above(nodes, id, ("latent_image", "samples", "pixels"))) & set(samplers)
    ]
    if not sampler_ids:
        return {}
    return _settings(nodes, sampler_ids[0])


def graph_of(workflow: Mapping[str, Any]) -> Graph:
    """Turns a workflow as the editor saves it into the form in which ComfyUI runs it."""
    links = {
        str(link[0]): [str(link[1]), link[2]]
        for link in _list(workflow.get("links"))
        if isinstance(link, list) and len(link) > 2
    }
    graph = {}
    for node in _list(workflow.get("nodes")):
        if isinstance(node, Mapping) and "id" in node:
            graph[str(node["id"])] = {
                "class_type": node.get("type", ""),
                "inputs": _inputs(node, links),
            }
    return graph


def _inputs(node: Node, links: Mapping[str, list[Any]]) -> dict[str, Any]:
    values = node.get("widgets_values")
    entries = [entry for entry in _list(node.get("inputs")) if isinstance(entry, Mapping)]
    if isinstance(values, Mapping):
        inputs = dict(values)
    else:
        inputs = dict(zip(_WIDGETS.get(str(node.get("type")), ()), _list(values), strict=False))
    linked = {str(entry.get("name")): links.get(str(entry.get("link"))) for entry in entries}
    return inputs | {name: link for name, link in linked.items() if link}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _settings(nodes: Mapping[str, Node], start: str) -> dict[str, Any]:
    inputs = nodes[start]
    guide = _linked(nodes, inputs.get("guider"))
    positive = inputs.get("positive") or guide.get("positive") or guide.get("conditioning")
    negative = inputs.get("negative") or guide.get("negative")
    settings = {
        "prompt": _literal(nodes, positive, _PROMPTS, str),
        "negative": _literal(nodes, negative, _PROMPTS, str),
        "seed": _value(nodes, inputs, ("seed", "noise_seed"), "noise"),
        "steps": _value(nodes, inputs, ("steps",), "sigmas"),
        "cfg": _value(nodes, inputs, ("cfg",), "guider"),
        "sampler": _value(nodes, inputs, ("sampler_name",), "sampler"),
        "schedule": _value(nodes, inputs, ("scheduler",), "sigmas"),
        "strength": _value(nodes, inputs, ("denoise",), "sigmas"),
        "width": _literal(nodes, inputs["latent_image"], ("width",), int),
        "height": _literal(nodes, inputs["latent_image"], ("height",), int),
        "model": _literal(
            nodes, inputs.get("model") or guide.get("model"), ("ckpt_name", "unet_name"), str
        ),
    }
    if settings["strength"] == 1:
        del settings["strength"]
    return {name: value for name, value in settings.items() if value is not None}


def _value(nodes: Mapping[str, Node], inputs: Node, names: tuple[str, ...], helper: str) -> Any:
    """A value of the sampler, of the node behind its input `helper`, or of a node that feeds
    either."""
    for source in (inputs, _linked(nodes, inputs.get(helper))):
        for name in names:
            if name in source:
                value = source[name]
                return (
                    _literal(nodes, value, (*names, "value", "int", "float"))
                    if _is_link(value)
                    else value
                )
    return None


def _literal(
    nodes: Mapping[str, Node], link: Any, names: tuple[str, ...], kind: type = object
) -> Any:
    """The first value of that name at the end of a link, or in the nodes before it."""
    for id in _upstream(nodes, link):
        for name in names:
            value = nodes[id].get(name)
            if value is not None and not _is_link(value) and isinstance(value, kind):
                return value
    return None


def _upstream(nodes: Mapping[str, Node], link: Any) -> Iterator[str]:
    """All nodes that lead to a link, nearest first, each once."""
    waiting, visited = [link], set[str]()
    while waiting:
        id = _source(waiting.pop(0))
        if id in nodes and id not in visited:
            visited.add(id)
            yield id
            waiting += nodes[id].values()


def _above(nodes: Mapping[str, Node], start: str, names: tuple[str, ...]) -> Iterator[str]:
    """The nodes that make a sampler's start picture."""
    visited = set[str]()
    waiting = [nodes[start].get(name) for name in names]
    while waiting:
        id = _source(waiting.pop())
        if id in nodes and id not in visited:
            visited.add(id)
            yield id
            waiting += [nodes[id].get(name) for name in (*names, "image", "images", "latent")]


def _linked(nodes: Mapping[str, Node], link: Any) -> Node:
    return nodes.get(_source(link), {})


def _source(link: Any) -> str:
    """The node at the other end of a link."""
    return str(link[0]) if _is_link(link) else ""


def _is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[1], int)
