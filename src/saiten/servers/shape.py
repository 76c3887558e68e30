"""What a model's config.json says that matters for placing it: sizes, heads, context, bytes.

Bytes are estimated from the sizes where nobody tells them; the estimates were compared with the published numbers of
parameters of the families in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length")
DTYPE_BYTES = {"float32": 4.0, "float": 4.0, "float16": 2.0, "half": 2.0, "bfloat16": 2.0}
QUANTISED_BYTES = {"fp8": 1.0, "fbgemm_fp8": 1.0, "modelopt": 1.0, "mxfp4": 0.53, "bitsandbytes": 0.56, "awq": 0.56}
"""Bytes of a weight, its share of scales included. Other methods tell their bits."""
UNSCALED = frozenset({"default", "mrope", "llama3", "longrope", "su", "proportional"})
"""Kinds of rotary scaling whose factor is contained in max_position_embeddings already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """A model, as far as its placement needs it."""

    architecture: str
    layers: int
    heads: int
    kv_heads: int
    parameters: int
    """An estimate."""
    context: int | None
    """Tokens of prompt and answer together; None: not told."""
    stored_bytes: float
    """Bytes of one parameter in the files, on average."""
    quantisation: str | None
    kv_width: int
    """Numbers kept for each token in each layer and key-value head (key and value together)."""
    latent: bool
    """Multi-head latent attention: keys and values are one compressed head, which every GPU keeps whole."""
    experts: int
    divisible: tuple[int, ...]
    """Widths that each GPU must get an equal share of."""
    block: int
    """Smallest share of those widths that the quantisation can be cut into."""

    def weight_bytes(self, dtype: str) -> int:
        """Return the bytes of all weights as they are served."""
        served = self.stored_bytes if self.quantisation or dtype == "auto" else DTYPE_BYTES.get(dtype, 2.0)
        return int(self.parameters * served)

    def kv_bytes(self, tokens: int, tensor: int) -> int:
        """Return the bytes of so many tokens' keys and values on each of `tensor` GPUs, 16 bits each."""
        heads = 1 if self.latent else max(1, self.kv_heads // tensor)
        return 2 * self.layers * heads * self.kv_width * tokens


def read_shape(config: Mapping[str, Any]) -> ModelShape:
    """Read a config.json. Raises ValueError, in words, where it does not describe a text model."""
    text = _text_part(config)
    hidden, layers = _whole(text, "hidden_size", "n_embd", "d_model"), _whole(text, "num_hidden_layers", "n_layer")
    heads = _whole(text, "num_attention_heads", "n_head")
    if not (hidden and layers and heads):
        raise ValueError("it tells no hidden_size, num_hidden_layers and num_attention_heads")
    kv_heads = _whole(text, "num_key_value_heads", "num_kv_heads") or heads
    head = _whole(text, "head_dim") or hidden // heads
    latent = bool(_whole(text, "kv_lora_rank"))
    width = _whole(text, "kv_lora_rank") + _whole(text, "qk_rope_head_dim") if latent else 2 * head
    quantisation, stored, block = _quantisation(config)
    inner = _whole(text, "intermediate_size", "n_inner", "ffn_dim") or 4 * hidden
    expert = _expert_width(text) if _experts(text) else 0
    return ModelShape(
        architecture=str((config.get("architectures") or [text.get("model_type", "unknown")])[0]),
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        parameters=_parameters(text, hidden, heads, kv_heads, head),
        context=_context(text),
        stored_bytes=stored
        or DTYPE_BYTES.get(str(text.get("dtype") or text.get("torch_dtype") or _dtype(config)), 2.0),
        quantisation=quantisation,
        kv_width=width,
        latent=latent,
        experts=_experts(text),
        divisible=(expert,) if expert else (inner,),
        block=block,
    )


def _text_part(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the language model's part of a configuration that also describes eyes or ears."""
    for key in ("text_config", "llm_config", "language_config", "thinker_config"):
        if isinstance(part := config.get(key), Mapping):
            return _text_part(part)
    return config


def _whole(config: Mapping[str, Any], *names: str) -> int:
    """Return the first of these that is a whole number above 0; a list (one for each layer) counts by its largest."""
    for name in names:
        value = config.get(name)
        if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
            value = max(value)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return 0


def _dtype(config: Mapping[str, Any]) -> str:
    return str(config.get("dtype") or config.get("torch_dtype") or "")


def _experts(text: Mapping[str, Any]) -> int:
    return _whole(text, "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")


def _expert_width(text: Mapping[str, Any]) -> int:
    return _whole(text, "moe_intermediate_size", "intermediate_size")


def _context(text: Mapping[str, Any]) -> int | None:
    """Return the context as vLLM derives it: the smallest told, times the factor of the rotary scaling."""
    told = [value for name in CONTEXT_KEYS if (value := _whole(text, name))]
    if not told:
        return None
    context = min(told)
    scaling = text.get("rope_scaling") or text.get("rope_parameters")
    factor = scaling.get("factor") if isinstance(scaling, Mapping) else None
    if not isinstance(scaling, Mapping) or not isinstance(factor, int | float) or isinstance(factor, bool):
        return context
    kind = str(scaling.get("rope_type") or scaling.get("type") or "default")
    if kind in UNSCALED:
        return context
    if kind == "yarn":
        original = _whole(scaling, "original_max_position_embeddings")
        return int(original * factor) if original else context
    return int(context * factor)


def _quantisation(config: Mapping[str, Any]) -> tuple[str | None, float | None, int]:
    """Return method, bytes of a stored weight and the block that widths must be multiples of."""
    found = config.get("quantization_config") or _text_part(config).get("quantization_config")
    if not isinstance(found, Mapping):
        return None, None, 1
    method = str(found.get("quant_method") or "unknown").lower()
    sizes = found.get("weight_block_size")
    block = max((size for size in sizes if isinstance(size, int)), default=1) if isinstance(sizes, list) else 1
    bits = _whole(found, "bits", "w_bit") or _compressed_bits(found)
    if method == "bitsandbytes" and found.get("load_in_8bit"):
        bits = 8
    if method in {"gptq", "awq"}:
        block = max(block, _whole(found, "group_size", "q_group_size") or 1)
    stored = bits / 8 * (1.0 if bits >= 8 else 1.1) if bits else QUANTISED_BYTES.get(method)
    return method, stored, block


def _compressed_bits(found: Mapping[str, Any]) -> int:
    """Return the bits of compressed-tensors' weights."""
    groups = found.get("config_groups")
    for group in groups.values() if isinstance(groups, Mapping) else ():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if isinstance(weights, Mapping) and (bits := _whole(weights, "num_bits")):
            return bits
    return 0


def _parameters(text: Mapping[str, Any], hidden: int, heads: int, kv_heads: int, head: int) -> int:
    """Count the weights of a transformer: embeddings, attention, and dense or expert feed-forward layers."""
    vocabulary = _whole(text, "vocab_size")
    tied = text.get("tie_word_embeddings", text.get("model_type") in {"gemma", "gemma2", "gemma3_text", "gemma3"})
    embeddings = vocabulary * hidden * (1 if tied else 2)
    layers = _whole(text, "num_hidden_layers", "n_layer")
    attention = _attention(text, hidden, heads, kv_heads, head)
    matrices = 2 if str(text.get("model_type")) in {"gpt2", "gpt_neox", "opt", "bloom", "phi", "gptj"} else 3
    dense = matrices * hidden * (_whole(text, "intermediate_size", "n_inner", "ffn_dim") or 4 * hidden)
    experts = _experts(text)
    if not experts:
        return embeddings + layers * (attention + dense)
    sparse_layers = _sparse_layers(text, layers)
    shared = _whole(text, "n_shared_experts") * _expert_width(text) or _whole(text, "shared_expert_intermediate_size")
    sparse = 3 * hidden * (experts * _expert_width(text) + shared) + hidden * experts
    return embeddings + layers * attention + sparse_layers * sparse + (layers - sparse_layers) * dense


def _sparse_layers(text: Mapping[str, Any], layers: int) -> int:
    """Return how many layers have experts."""
    if first := _whole(text, "first_k_dense_replace"):
        return max(0, layers - first)
    if isinstance(dense := text.get("mlp_only_layers"), list) and dense:
        return layers - len(dense)
    step = _whole(text, "decoder_sparse_step", "interleave_moe_layer_step") or 1
    return layers // step


def _attention(text: Mapping[str, Any], hidden: int, heads: int, kv_heads: int, head: int) -> int:
    """Return the weights of one attention layer."""
    rank = _whole(text, "kv_lora_rank")
    if not rank:
        return hidden * head * 2 * (heads + kv_heads)
    rope, plain, value = (_whole(text, f"{name}_head_dim") for name in ("qk_rope", "qk_nope", "v"))
    query_rank = _whole(text, "q_lora_rank")
    query = hidden * heads * (rope + plain)
    query = hidden * query_rank + query_rank * heads * (rope + plain) if query_rank else query
    return query + hidden * (rank + rope) + rank * heads * (plain + value) + heads * value * hidden
