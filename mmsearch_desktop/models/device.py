"""Where models run and in which precision, and how many threads they may take.

Precision: float32 on the processor, the reference; where that multiplies bfloat16 itself, a model
may have its large products in it (`models.bfloat16`), and counts as one of float32. On a graphics
card float16, because the published weights are half precision already and so lose nothing, while
bfloat16 would round them again; cards on which float16 is slower than float32 (NVIDIA before Volta)
stay at float32.
"""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_log = logging.getLogger("mmsearch.models")

Precision = Literal["float32", "float16", "bfloat16"]
_FIRST_WITH_QUICK_HALF = 7  # CUDA compute capability of Volta


@dataclass(frozen=True, slots=True)
class Device:
    """One place where a model can run."""

    kind: str  # "cpu", "cuda" (NVIDIA, and AMD under ROCm), "xpu" (Intel), "mps" (Apple)
    name: str  # what a person calls it
    torch_name: str  # what torch calls it, such as "cuda:0"
    precision: Precision
    memory_bytes: int | None  # all of it, not what is free; None where the system does not say


def best_device(*, window: bool = True) -> Device:
    """The first that really computes of: CUDA, XPU, MPS, processor. Imports torch.

    A card that is listed but cannot add two numbers (driver too old, card too new for this
    torch) is logged and passed over. Sets torch's threads as `cpu` does.
    """
    for device in _cards():
        trouble = _trouble_with(device)
        if trouble is None:
            _limit_threads(spare_a_core=window)
            return device
        _log.warning("%s cannot be used and is passed over: %s", device.name, trouble)
    return cpu(window=window)


def cpu(*, window: bool = True) -> Device:
    """The processor. Imports torch and leaves one core free of its threads, if for a window."""
    _limit_threads(spare_a_core=window)
    return Device("cpu", _processor_name(), "cpu", "float32", _memory_bytes())


def _cards() -> Iterator[Device]:
    yield from _cuda_cards()
    yield from _xpu_cards()
    yield from _apple_cards()


def _cuda_cards() -> Iterator[Device]:
    """Most memory first, so that the first which works is the roomiest."""
    import torch

    if not torch.cuda.is_available():
        return
    found = [(i, torch.cuda.get_device_properties(i)) for i in range(torch.cuda.device_count())]
    for index, card in sorted(found, key=lambda pair: (-pair[1].total_memory, pair[0])):
        precision = cuda_precision(card.major, rocm=torch.version.hip is not None)
        yield Device("cuda", card.name, f"cuda:{index}", precision, card.total_memory)


def cuda_precision(major: int, *, rocm: bool) -> Precision:
    """For a card of CUDA compute capability `major`.x; AMD's numbers mean something else."""
    return "float16" if rocm or major >= _FIRST_WITH_QUICK_HALF else "float32"


def _xpu_cards() -> Iterator[Device]:
    import torch

    if torch.xpu.is_available():
        card = torch.xpu.get_device_properties(0)
        yield Device("xpu", card.name, "xpu:0", "float16", card.total_memory)


def _apple_cards() -> Iterator[Device]:
    import torch

    if torch.backends.mps.is_available():  # shares the computer's memory
        yield Device("mps", f"{_processor_name()} graphics", "mps", "float16", _memory_bytes())


def _trouble_with(device: Device) -> str | None:
    import torch

    try:
        ones = torch.ones(8, device=device.torch_name, dtype=getattr(torch, device.precision))
        return None if float((ones + ones).sum().cpu()) == 16 else "it adds wrongly"
    # torch built without a backend fails an assertion; drivers give RuntimeError and its kin
    except (AssertionError, RuntimeError, NotImplementedError) as error:
        return str(error).partition("\n")[0]


def _limit_threads(*, spare_a_core: bool) -> None:
    """Never raises the number: a person may have lowered it with OMP_NUM_THREADS."""
    import torch

    wanted = max(1, min(torch.get_num_threads(), _usable_cores() - spare_a_core))
    if wanted != torch.get_num_threads():
        torch.set_num_threads(wanted)


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor_name() -> str:
    return _linux_processor_name() or platform.processor() or platform.machine() or "processor"


def _linux_processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else ""


def _memory_bytes() -> int | None:
    if sys.platform == "win32":
        return _windows_memory_bytes()
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = [
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("available", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 5),
    ]


def _windows_memory() -> _MemoryStatus | None:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    kernel = getattr(ctypes, "windll", None)
    if kernel is None or not kernel.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return status


def _windows_memory_bytes() -> int | None:
    status = _windows_memory()
    return None if status is None else int(status.total)


# ------------------------------------------------------------------- does a large model fit


def free_bytes(device: Device) -> int | None:
    """Memory that a new model could take on this device now; None where nobody says."""
    import torch

    if device.kind == "cuda":
        return int(torch.cuda.mem_get_info(device.torch_name)[0])
    if device.kind == "xpu":
        return int(torch.xpu.mem_get_info(device.torch_name)[0])
    available = _available_linux() or _available_windows()
    if available is None and device.memory_bytes is not None:
        return device.memory_bytes * 3 // 4  # macOS gives memory back as it is asked for
    return available


def _available_linux() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None


def _available_windows() -> int | None:
    status = _windows_memory()
    return None if status is None else int(status.available)


def has_bfloat16(device: Device) -> bool:
    """Whether it computes in bfloat16 itself; NVIDIA's cards of before Ampere only imitate it."""
    import torch

    if device.kind == "cuda" and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return True


def multiplies_bfloat16(device: Device) -> bool:
    """Whether it is a processor with instructions for it: elsewhere they are imitated, slowly.

    False for what is not x86, and where this torch cannot say.
    """
    import torch

    if device.kind != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    said = torch.cpu.get_capabilities()
    return bool(said.get("avx512_bf16") or said.get("amx_bf16"))


def memory_text(size_bytes: int) -> str:
    """ "11.3 GB", "7.2 MB"."""
    return (
        f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e8 else f"{max(size_bytes, 0) / 1e6:.1f} MB"
    )
