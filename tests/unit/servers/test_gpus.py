"""Which GPUs a process may use: what nvidia-smi prints on real nodes, and what schedulers write."""

from __future__ import annotations

import pytest

from saiten.errors import UserError
from saiten.servers.gpus import GIB, Smi, visible_gpus

UUIDS = [f"GPU-{letter * 8}-1111-2222-3333-444444444444" for letter in "abcd"]
QUERY = "".join(f"{index}, {uuid}, 95830, NVIDIA H100\n" for index, uuid in enumerate(UUIDS))
LIST = "".join(f"GPU {index}: NVIDIA H100 (UUID: {uuid})\n" for index, uuid in enumerate(UUIDS))
MIG = "  MIG 3g.47gb     Device  {0}: (UUID: MIG-{1}-aaaa-bbbb-cccc-dddddddddddd)\n"


def smi(query: str = QUERY, listed: str = LIST) -> Smi:
    return lambda arguments: listed if arguments == ["-L"] else query


def indices(told: str | None, how: Smi | None = None) -> list[str]:
    environ = {} if told is None else {"CUDA_VISIBLE_DEVICES": told}
    return [gpu.index for gpu in visible_gpus(environ, how or smi())]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (None, ["0", "1", "2", "3"]),
        ("2,0", ["2", "0"]),
        (f"{UUIDS[3]},{UUIDS[1]}", ["3", "1"]),
        ("GPU-cc", ["2"]),
        ("0,-1,2", ["0"]),
        ("1,GPU-unknown,2", ["1"]),
        ("", []),
        ("NoDevFiles", []),
    ],
)
def test_indices_and_uuids_are_understood_as_cuda_does(told: str | None, expected: list[str]) -> None:
    assert indices(told) == expected


def test_memory_is_in_bytes() -> None:
    assert visible_gpus({}, smi())[0].memory == 95830 << 20


def test_the_only_slice_of_a_gpu_is_named_by_the_gpus_index() -> None:
    listed = LIST.splitlines(keepends=True)[0] + MIG.format(0, "11111111")
    (gpu,) = visible_gpus({"CUDA_VISIBLE_DEVICES": "MIG-11111111-aaaa-bbbb-cccc-dddddddddddd"}, smi(listed=listed))
    assert (gpu.index, gpu.memory) == ("0", 47 * GIB)
    assert indices(None, smi(QUERY.splitlines()[0], listed)) == ["0"]


def test_one_of_several_slices_keeps_its_uuid_because_no_index_means_it() -> None:
    listed = LIST.splitlines(keepends=True)[0] + MIG.format(0, "11111111") + MIG.format(1, "22222222")
    assert indices("MIG-22222222", smi(listed=listed)) == ["MIG-22222222-aaaa-bbbb-cccc-dddddddddddd"]
    assert indices("MIG-", smi("", listed)) == []


def test_a_machine_without_nvidia_smi_has_no_gpu() -> None:
    assert indices(None, lambda _arguments: "") == []
    assert indices("0", lambda _arguments: "") == []


def test_a_list_that_names_no_gpu_of_this_node_is_an_error() -> None:
    with pytest.raises(UserError, match="CUDA_VISIBLE_DEVICES=7 names no GPU of this node; nvidia-smi sees GPU-aaaa"):
        indices("7")
