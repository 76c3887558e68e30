"""The old command line's open models."""

from __future__ import annotations

import pytest

from saiten.errors import UserError
from saiten.settings.legacy_vllm import read_open_model
from saiten.types import Sampling, ServerSpec


def test_an_old_command_line_is_understood_whole() -> None:
    found = read_open_model(
        "pretrained=org/name,revision=abc,dtype=float16,max_model_length=4096,tensor_parallel_size=2,"
        "data_parallel_size=4,gpu_memory_utilization=0.8,max_num_seqs=64,max_num_batched_tokens=8192,enforce_eager=True,"
        "trust_remote_code=false,seed=1,swap_space=4,"
        'generation_parameters={temperature:0,max_new_tokens:16,stop_tokens:"問題,Q:"}'
    )
    assert (found.name, found.revision) == ("org/name", "abc")
    assert found.server == ServerSpec(
        dtype="float16",
        max_model_length=4096,
        tensor_parallel=2,
        data_parallel=4,
        gpu_memory=0.8,
        slots=64,
        server_args="--max-num-batched-tokens 8192 --enforce-eager",
        trust_remote_code=False,
    )
    assert found.sampling == Sampling(temperature=0.0, max_tokens=16, stop=("問題", "Q:"))
    assert found.warnings == ("seed changes nothing here", "swap_space changes nothing here")


def test_the_old_default_revision_is_none_and_so_is_null() -> None:
    found = read_open_model("pretrained=org/name,revision=main,dtype=null")
    assert (found.revision, found.server) == (None, ServerSpec())


def test_all_mistakes_are_told_at_once_with_their_places() -> None:
    with pytest.raises(UserError) as told:
        read_open_model("dtyp=auto,max_model_length=0,gpu_memory_utilization=x,trust_remote_code=maybe")
    words = str(told.value)
    assert "no setting 'dtyp'; did you mean 'dtype'?" in words
    assert "no model; give it as pretrained=org/name" in words
    assert "max_model_length must be a whole number above 0" in words
    assert "gpu_memory_utilization must be a number above 0 and at most 1" in words
    assert "trust_remote_code must be true or false" in words
