"""NVIDIA's cards by their own library (NVML), which comes with the driver: nothing to install."""

import ctypes
from collections.abc import Sequence
from typing import Any

LIBRARIES = ("libnvidia-ml.so.1", "nvml.dll")


class Cards:
    """The cards of this machine; none where there is no such library."""

    def __init__(self, library: Any = None, handles: Sequence[Any] = ()) -> None:
        self._library, self._handles = library, tuple(handles)

    @classmethod
    def found(cls) -> "Cards":
        """All cards that the driver shows."""
        for name in LIBRARIES:
            try:
                library = ctypes.CDLL(name)
            except OSError:
                continue
            count = ctypes.c_uint()
            if library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
                continue
            handles = [ctypes.c_void_p() for _ in range(count.value)]
            visible = [
                handle
                for at, handle in enumerate(handles)
                if not library.nvmlDeviceGetHandleByIndex_v2(at, ctypes.byref(handle))
            ]
            return cls(library, visible)
        return cls()

    def sample(self) -> tuple[float, float] | None:
        """How busy they are now, in percent of all together, and megabytes in use."""
        busy, used = [], 0.0
        for handle in self._handles:
            load, memory = _Utilization(), _Memory()
            if not self._library.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(load)):
                busy.append(float(load.gpu))
            if not self._library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)):
                used += memory.used / 1e6
        return (sum(busy) / len(busy), used) if busy else None

    def energy_meters(self) -> list["CardEnergy"]:
        """Those cards that count their joules: all since Volta."""
        meters = [CardEnergy(self._library, handle, self._name(handle)) for handle in self._handles]
        return [meter for meter in meters if meter.works]

    def _name(self, handle: Any) -> str:
        text = ctypes.create_string_buffer(96)
        failed = self._library.nvmlDeviceGetName(handle, text, 96)
        return "graphics card" if failed else text.value.decode("utf-8", "replace")


class CardEnergy:
    """One card's counter, in millijoules since its driver was loaded."""

    def __init__(self, library: Any, handle: Any, name: str) -> None:
        self.name, self._library, self._handle = name, library, handle
        self._last = 0.0
        self.works = self._read() is not None

    def joules(self) -> float:
        """Since the driver was loaded; what it last said when it does not answer."""
        self._last = self._read() or self._last
        return self._last

    def _read(self) -> float | None:
        count = ctypes.c_ulonglong()
        ask = getattr(self._library, "nvmlDeviceGetTotalEnergyConsumption", None)
        if ask is None or ask(self._handle, ctypes.byref(count)):
            return None
        return count.value / 1e3


class _Utilization(ctypes.Structure):
    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class _Memory(ctypes.Structure):
    _fields_ = [
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    ]
