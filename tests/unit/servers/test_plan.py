"""Placing models: the sizes in real config.json files of known families, and the GPUs of real nodes."""

from __future__ import annotations

from typing import Any

import pytest

from saiten.errors import UserError
from saiten.servers.gpus import GIB, Gpu
from saiten.servers.plan import Plan, make_plan
from saiten.servers.shape import ModelShape, read_shape
from saiten.types import ServerSpec


def config(
    layers: int, hidden: int, heads: int, kv_heads: int, inner: int, vocabulary: int, **more: Any
) -> dict[str, Any]:
    return {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": inner,
        "vocab_size": vocabulary,
        "torch_dtype": "bfloat16",
        "tie_word_embeddings": False,
        **more,
    }


FP8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}
DEEPSEEK = config(
    61,
    7168,
    128,
    128,
    18432,
    129280,
    model_type="deepseek_v3",
    q_lora_rank=1536,
    kv_lora_rank=512,
    qk_nope_head_dim=128,
    qk_rope_head_dim=64,
    v_head_dim=128,
    n_routed_experts=256,
    n_shared_experts=1,
    moe_intermediate_size=2048,
    first_k_dense_replace=3,
    max_position_embeddings=163840,
    quantization_config=FP8,
    rope_scaling={"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096},
)
GPT_OSS_120 = config(
    36,
    2880,
    64,
    8,
    2880,
    201088,
    model_type="gpt_oss",
    head_dim=64,
    num_local_experts=128,
    max_position_embeddings=131072,
    quantization_config={"quant_method": "mxfp4"},
    rope_scaling={"rope_type": "yarn", "factor": 32.0, "original_max_position_embeddings": 4096},
)
FAMILIES = {
    "smollm2-135m": (
        config(30, 576, 9, 3, 1536, 49152, tie_word_embeddings=True, max_position_embeddings=8192),
        0.1345,
    ),
    "qwen3-8b": (config(36, 4096, 32, 8, 12288, 151936, head_dim=128, max_position_embeddings=40960), 8.19),
    "qwen3-32b": (config(64, 5120, 64, 8, 25600, 151936, head_dim=128, max_position_embeddings=40960), 32.8),
    "qwen3-30b-a3b": (
        config(48, 2048, 32, 4, 6144, 151936, head_dim=128, num_experts=128, moe_intermediate_size=768),
        30.5,
    ),
    "llama-3.1-8b": (
        config(
            32,
            4096,
            32,
            8,
            14336,
            128256,
            max_position_embeddings=131072,
            rope_scaling={"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192},
        ),
        8.03,
    ),
    "llama-3.3-70b": (config(80, 8192, 64, 8, 28672, 128256, max_position_embeddings=131072), 70.6),
    "mixtral-8x7b": (config(32, 4096, 32, 8, 14336, 32000, num_local_experts=8, max_position_embeddings=32768), 46.7),
    "gemma-3-27b": (
        {
            "architectures": ["Gemma3ForConditionalGeneration"],
            "vision_config": {},
            "text_config": config(
                62, 5376, 32, 16, 21504, 262208, head_dim=128, tie_word_embeddings=True, max_position_embeddings=131072
            ),
        },
        27.0,
    ),
    "deepseek-v3": (DEEPSEEK, 671.0),
    "gpt-oss-120b": (GPT_OSS_120, 117.0),
}


def shape(name: str) -> ModelShape:
    return read_shape(FAMILIES[name][0])


def gpus(count: int, gigabytes: int = 94) -> list[Gpu]:
    return [Gpu(index=str(index), uuid=f"GPU-{index}", memory=gigabytes * GIB) for index in range(count)]


def plan(name: str, count: int, gigabytes: int = 94, **server: Any) -> Plan:
    return make_plan(shape(name), gpus(count, gigabytes), ServerSpec(**server))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_weights_that_a_configuration_means_are_counted(name: str) -> None:
    billions = FAMILIES[name][1]
    assert shape(name).parameters / 1e9 == pytest.approx(billions, rel=0.03)


@pytest.mark.parametrize(
    ("name", "count", "gigabytes", "expected"),
    [
        ("qwen3-8b", 1, 94, (1, 1)),
        ("qwen3-8b", 4, 94, (1, 4)),
        ("qwen3-8b", 4, 16, (4, 1)),
        ("qwen3-32b", 8, 141, (1, 8)),
        ("qwen3-32b", 4, 80, (2, 2)),
        ("qwen3-30b-a3b", 4, 94, (1, 4)),
        ("llama-3.3-70b", 8, 141, (2, 4)),
        ("llama-3.3-70b", 4, 94, (2, 2)),
        ("mixtral-8x7b", 4, 94, (2, 2)),
        ("gpt-oss-120b", 4, 94, (1, 4)),
        ("deepseek-v3", 8, 141, (8, 1)),
        ("smollm2-135m", 8, 80, (1, 8)),
    ],
)
def test_the_fewest_gpus_hold_one_copy_and_the_rest_hold_more(
    name: str, count: int, gigabytes: int, expected: tuple[int, int]
) -> None:
    found = plan(name, count, gigabytes)
    assert (found.tensor, found.data) == expected
    assert len(found.gpus) == expected[0] * expected[1]


def test_three_gpus_do_not_cut_heads_in_three() -> None:
    assert plan("llama-3.3-70b", 3).tensor == 2
    assert len(plan("llama-3.3-70b", 3).gpus) == 2


def test_widths_stay_whole_blocks_of_the_quantisation() -> None:
    assert shape("deepseek-v3").block == 128
    assert plan("deepseek-v3", 16, 141).tensor == 8
    with pytest.raises(UserError, match=r"--tensor-parallel 32 does not divide .* possible: 1, 2, 4, 8, 16"):
        plan("deepseek-v3", 32, 141, tensor_parallel=32)


@pytest.mark.parametrize(
    ("name", "context"),
    [("qwen3-8b", 40960), ("llama-3.1-8b", 131072), ("deepseek-v3", 163840), ("gpt-oss-120b", 131072)],
)
def test_the_context_is_what_vllm_derives(name: str, context: int) -> None:
    assert shape(name).context == context
    assert plan(name, 8, 141).context == 32768


def test_a_short_context_stays_short_and_a_given_one_is_taken() -> None:
    assert plan("smollm2-135m", 1).context == 8192
    assert plan("qwen3-8b", 1, max_model_length=40000).context == 40000
    with pytest.raises(UserError, match="--max-model-length 50000: the model was made for 40960 tokens"):
        plan("qwen3-8b", 1, max_model_length=50000)


def test_what_the_user_says_is_done() -> None:
    found = plan("qwen3-8b", 4, tensor_parallel=2, gpu_memory=0.5, dtype="float16")
    assert (found.tensor, found.data, found.gpu_memory, found.dtype) == (2, 2, 0.5, "float16")
    assert plan("qwen3-8b", 4, data_parallel=2).data == 2
    with pytest.raises(UserError, match=r"tensor 4 x data 2 needs 8 GPUs and 4 are visible"):
        plan("qwen3-8b", 4, tensor_parallel=4, data_parallel=2)
    with pytest.raises(UserError, match=r"tensor 1 x data 9 needs 9 GPUs and 4 are visible"):
        plan("qwen3-8b", 4, data_parallel=9)
    with pytest.raises(UserError, match=r"--tensor-parallel 3 does not divide this model .*possible: 1, 2, 4, 8, 16"):
        plan("qwen3-8b", 4, tensor_parallel=3)


def test_a_type_that_vllm_does_not_know_is_told_with_those_it_knows() -> None:
    with pytest.raises(
        UserError, match=r"--dtype bfloat: no type of weights; did you mean .*'bfloat16'.*there are: auto"
    ):
        make_plan(None, [], ServerSpec(dtype="bfloat"))


def test_a_model_that_does_not_fit_is_told_before_anything_is_loaded() -> None:
    with pytest.raises(UserError, match=r"does not fit: about 41 GiB on each of 4 GPU .*--tensor-parallel 4"):
        plan("llama-3.3-70b", 4, 24)
    assert plan("llama-3.3-70b", 4, 24, tensor_parallel=4).tensor == 4


def test_float32_files_take_half_when_served_as_bfloat16() -> None:
    stored = read_shape(FAMILIES["qwen3-8b"][0] | {"torch_dtype": "float32"})
    assert stored.weight_bytes("bfloat16") == shape("qwen3-8b").weight_bytes("bfloat16")
    assert stored.weight_bytes("auto") == 2 * shape("qwen3-8b").weight_bytes("auto")


@pytest.mark.parametrize(
    ("quantisation", "bytes_each"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, 0.55),
        ({"quant_method": "gptq", "bits": 8, "group_size": 128}, 1.0),
        ({"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": {"num_bits": 8}}}}, 1.0),
    ],
)
def test_quantised_weights_are_small(quantisation: dict[str, Any], bytes_each: float) -> None:
    found = read_shape(FAMILIES["qwen3-8b"][0] | {"quantization_config": quantisation})
    assert found.stored_bytes == pytest.approx(bytes_each)


def test_nothing_known_and_no_gpu_is_no_error() -> None:
    found = make_plan(None, [], ServerSpec())
    assert (found.tensor, found.data, found.context) == (1, 1, None)
    assert "no GPU visible" in str(found)


@pytest.mark.parametrize("broken", [{}, {"hidden_size": 4}, {"hidden_size": "4", "num_hidden_layers": 2}])
def test_what_is_no_text_model_is_said(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="it tells no hidden_size"):
        read_shape(broken)
