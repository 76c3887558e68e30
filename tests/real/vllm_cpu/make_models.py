"""Makes the models of the vLLM tests. Runs inside the environment that has vLLM, torch, transformers and gguf.

`python make_models.py smollm2 MODEL.gguf FOLDER`: the small real model as vLLM reads models (it does not read GGUF).
`python make_models.py think SMOLLM2_FOLDER FOLDER`: a tiny model of random weights whose vocabulary has think tags.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from safetensors.torch import save_file
from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
THINKING_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"
)


def fields(reader: GGUFReader) -> dict[str, Any]:
    """Return the metadata by its names."""
    return {name: field.contents() for name, field in reader.fields.items()}


def unpermuted(weights: np.ndarray, heads: int) -> np.ndarray:
    """Undo llama.cpp's order of the rows of q and k: its rotary embedding pairs neighbours, theirs pairs halves."""
    rows, columns = weights.shape
    return weights.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def smollm2(gguf: Path, folder: Path) -> None:
    """Write SmolLM2-135M-Instruct as safetensors, with its configuration and tokenizer."""
    reader = GGUFReader(gguf)
    told = fields(reader)
    heads, kv_heads = told["llama.attention.head_count"], told["llama.attention.head_count_kv"]
    tensors: dict[str, torch.Tensor] = {}
    for tensor in reader.tensors:
        *place, name = tensor.name.removesuffix(".weight").split(".")
        weights = dequantize(tensor.data, tensor.tensor_type)
        if name in {"attn_q", "attn_k"}:
            weights = unpermuted(weights, heads if name == "attn_q" else kv_heads)
        target = f"model.layers.{place[1]}.{NAMES[name]}" if place else NAMES[name]
        tensors[f"{target}.weight"] = torch.from_numpy(np.ascontiguousarray(weights)).to(torch.bfloat16)
    folder.mkdir(parents=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    tokenizer.chat_template = told["tokenizer.chat_template"]
    tokenizer.save_pretrained(folder)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": told["llama.embedding_length"],
        "intermediate_size": told["llama.feed_forward_length"],
        "num_hidden_layers": told["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": told["llama.context_length"],
        "rms_norm_eps": told["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": told["llama.rope.freq_base"],
        "vocab_size": len(told["tokenizer.ggml.tokens"]),
        "bos_token_id": told["tokenizer.ggml.bos_token_id"],
        "eos_token_id": told["tokenizer.ggml.eos_token_id"],
        "tie_word_embeddings": "lm_head.weight" not in tensors,
        "torch_dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1))


def think(base: Path, folder: Path) -> None:
    """Write a tiny random model with the tokenizer of `base`, two of whose unused tokens become think tags."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=49152,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=64,
        max_position_embeddings=2048,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=True,
    )
    Qwen3ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.save_pretrained(folder)
    renamed = {tokenizer.convert_ids_to_tokens(11): "<think>", tokenizer.convert_ids_to_tokens(12): "</think>"}
    for path in (folder / "tokenizer.json", folder / "tokenizer_config.json"):
        text = path.read_text()
        for old, new in renamed.items():
            text = text.replace(json.dumps(old), json.dumps(new))
        path.write_text(text)
    (folder / "chat_template.jinja").write_text(THINKING_TEMPLATE)


if __name__ == "__main__":
    kind, source, target = sys.argv[1:]
    {"smollm2": smollm2, "think": think}[kind](Path(source), Path(target))
