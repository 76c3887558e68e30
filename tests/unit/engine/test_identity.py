"""What is another question, and what is the same one asked elsewhere."""

from __future__ import annotations

from saiten.engine.identity import Identities
from saiten.types import Message, RunSpec, Sampling, ServerSpec
from saiten.values import replace

SPEC = RunSpec(model="m", benchmarks=("b",))
MESSAGES = (Message(role="user", content="?"),)


def identity(spec: RunSpec) -> str:
    return Identities(spec).conversation(MESSAGES, Sampling()).choice(0, 0)


def test_where_and_how_fast_a_model_is_served_is_not_part_of_the_question() -> None:
    served = ServerSpec(vllm="0.33.0", tensor_parallel=4, gpu_memory=0.5, start_seconds=3000.0, slots=8)
    assert identity(replace(SPEC, server=served)) == identity(SPEC)


def test_another_template_is_another_question() -> None:
    kinds = (ServerSpec(), ServerSpec(chat_template="base"), ServerSpec(no_chat_template=True))
    assert len({identity(replace(SPEC, server=kind)) for kind in kinds}) == 3
