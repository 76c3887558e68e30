"""The system call filters, run as the kernel would run them, for both machines."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from saiten.sandbox.inside import seccomp
from saiten.sandbox.inside.calls import CALLS, DENIED, FREELY_ALLOWED

ALLOW, KILL, ENOSYS, EPERM, EACCES = 0x7FFF0000, 0x80000000, 0x50026, 0x50001, 0x5000D
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMN = {"x86_64": 0, "aarch64": 1}
OWN = 0xFFFFFFFE
MACHINES = pytest.mark.parametrize("machine", sorted(ARCH))


def verdict(
    program: list[seccomp.Instruction],
    machine: str,
    number: int,
    arguments: tuple[int, ...] = (),
    arch: int | None = None,
) -> int:
    """Interpret a filter as linux/filter.h defines it."""
    padded = [value & (2**64 - 1) for value in (*arguments, *[0] * (6 - len(arguments)))]
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, ARCH[machine] if arch is None else arch, 0, *padded)
    place, register = 0, 0
    while True:
        code, yes, no, value = program[place]
        place += 1
        match code:
            case 0x20:
                register = int.from_bytes(data[value : value + 4], "little")
            case 0x54:
                register &= value
            case 0x06:
                return value
            case _:
                holds = {0x15: register == value, 0x35: register >= value, 0x45: bool(register & value)}[code]
                place += yes if holds else no


def both(machine: str, name: str, *arguments: int, reading: bool = True) -> int:
    """Return what both filters together answer: the stricter wins."""
    number = CALLS[name][COLUMN[machine]]
    answers = [
        verdict(program, machine, number, arguments)
        for program in (seccomp.program(machine, reading=reading), seccomp.last_program(machine))
    ]
    return min(answers, key=lambda answer: (answer == ALLOW, answer))


@MACHINES
def test_ordinary_calls_are_allowed_and_dangerous_ones_refused(machine: str) -> None:
    for name in FREELY_ALLOWED:
        if CALLS[name][COLUMN[machine]] >= 0:
            assert both(machine, name) == ALLOW, name
    for name in DENIED:
        if CALLS[name][COLUMN[machine]] >= 0:
            assert both(machine, name) == EPERM, name


@MACHINES
def test_every_call_number_that_is_not_named_does_not_exist(machine: str) -> None:
    named = {numbers[COLUMN[machine]] for numbers in CALLS.values()}
    long = seccomp.program(machine, reading=True)
    for number in set(range(1000)) - named:
        assert verdict(long, machine, number) == ENOSYS, number


@MACHINES
def test_foreign_machines_and_the_x32_numbers_are_killed(machine: str) -> None:
    for program in (seccomp.program(machine, reading=True), seccomp.last_program(machine)):
        assert verdict(program, machine, 0, arch=0x40000003) == KILL
        assert verdict(program, machine, 0x40000000) == KILL


@MACHINES
def test_files_are_opened_for_reading_only_or_not_at_all(machine: str) -> None:
    at = 2**64 - 100
    assert both(machine, "openat", at, 1, 0o2000000) == ALLOW
    for writing in (1, 2, 0o100, 0o1000, 0o2000, 0o20200000):
        assert both(machine, "openat", at, 1, writing) == EACCES
    assert both(machine, "openat", at, 1, 0, reading=False) == EACCES


@MACHINES
def test_threads_can_be_made_and_processes_cannot(machine: str) -> None:
    assert both(machine, "clone", 0x3D0F00) == ALLOW
    for flags in (0x1200011, 17, 0x100, 0x10000 | 0x3D0F00 & ~0x100, 0x3D0F00 | 0x10000000):
        assert both(machine, "clone", flags) == EPERM, hex(flags)
    assert both(machine, "clone3") == ENOSYS


@MACHINES
def test_only_the_own_process_can_be_signalled_or_asked_for_limits(machine: str) -> None:
    for name in ("kill", "tgkill"):
        assert both(machine, name, OWN, 9) == ALLOW
        for other in (0, 1, 2**64 - 1, 4711):
            assert both(machine, name, other, 9) == EPERM
    assert both(machine, "prlimit64", 0, 7, 0, 1) == ALLOW
    assert both(machine, "prlimit64", 0, 7, 1, 0) == EPERM
    assert both(machine, "prlimit64", 0, 7, 1 << 32, 0) == EPERM
    assert both(machine, "prlimit64", 4711, 7, 0, 1) == EPERM


@MACHINES
def test_calls_with_many_uses_keep_the_harmless_ones(machine: str) -> None:
    assert both(machine, "socketpair", 1, 0o2000001) == ALLOW
    assert both(machine, "socketpair", 1, 2) == EPERM
    assert both(machine, "socketpair", 2, 1) == EPERM
    assert both(machine, "fcntl", 3, 3) == ALLOW
    assert both(machine, "fcntl", 3, 6) == EPERM
    assert both(machine, "ioctl", 0, 0x5412) == EPERM
    assert both(machine, "ioctl", 0, 0x5401) == ALLOW
    for option in (1, 4, 38):
        assert both(machine, "prctl", option) == EPERM
    assert both(machine, "seccomp", 1) == EPERM


def test_an_unknown_machine_has_no_filter() -> None:
    with pytest.raises(OSError, match="riscv64"):
        seccomp.program("riscv64", reading=True)


@pytest.mark.parametrize(
    ("header", "column"),
    [("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", 0), ("/usr/include/asm-generic/unistd.h", 1)],
)
def test_the_numbers_are_those_of_the_kernel_headers(header: str, column: int) -> None:
    if not Path(header).exists():
        pytest.skip("needs the kernel headers")
    text = Path(header).read_text()
    numbers = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    if column:
        numbers["newfstatat"] = numbers["fstatat"]
        for name in ("renameat", "getrlimit", "setrlimit"):  # some architectures leave them out
            numbers.setdefault(name, CALLS[name][column])
    known = {name: pair[column] for name, pair in CALLS.items() if pair[column] >= 0 and name in numbers}
    assert known == {name: numbers[name] for name in known}
    assert len(known) > 190
