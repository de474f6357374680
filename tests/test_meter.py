"""Meters of the whole machine: a counter of the kernel's that runs over, cards that answer or do
not, and machines without any."""

import ctypes
import os
import time

import pytest

from sdplay.sweeps.machine.cards import Cards
from sdplay.sweeps.machine.meter import Meter, resources_sentence


@pytest.fixture
def powercap(tmp_path):
    """As Linux shows two processors, the memory of one, and what is inside of one."""
    names = {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:0:1": "dram",
        "intel-rapl:1": "package-1",
    }
    for zone, name in names.items():
        (tmp_path / zone).mkdir()
        (tmp_path / zone / "name").write_text(f"{name}\n")
        (tmp_path / zone / "max_energy_range_uj").write_text("10000000\n")
        counted(tmp_path, zone, 9_000_000)
    return tmp_path


def counted(powercap, zone, microjoules):
    (powercap / zone / "energy_uj").write_text(f"{microjoules}\n")


class Driver:
    """NVIDIA's library as its header has it: fills what it is handed, answers 0 or what went
    wrong."""

    def __init__(self, counts=True):
        self.counts, self.millijoules, self.busy = counts, 1_000_000, 40

    def nvmlDeviceGetUtilizationRates(self, handle, load):
        load._obj.gpu = self.busy
        return 0

    def nvmlDeviceGetMemoryInfo(self, handle, memory):
        memory._obj.used = 2_000_000_000
        return 0

    def nvmlDeviceGetName(self, handle, text, size):
        text.value = b"NVIDIA H100"
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle, count):
        count._obj.value = self.millijoules
        return 0 if self.counts else 3


def test_the_kernel_s_counters_are_summed_though_they_run_over(powercap):
    meter = Meter(powercap, Cards())
    counted(powercap, "intel-rapl:0", 9_500_000)
    counted(powercap, "intel-rapl:0:0", 9_900_000)
    counted(powercap, "intel-rapl:0:1", 9_100_000)
    counted(powercap, "intel-rapl:1", 500_000)
    assert meter.reading().energy_joules == pytest.approx(0.5 + 0.1 + 1.5)
    assert meter.reading().energy_joules == 0
    assert meter.total.energy_joules == pytest.approx(2.1)
    assert meter.about_energy == "processor package-0, processor dram, processor package-1"
    assert "2 joules = 0.000583 Wh" in resources_sentence(meter)


def test_cells_that_ended_together_share_what_was_spent(powercap):
    meter = Meter(powercap, Cards())
    counted(powercap, "intel-rapl:0", 9_600_000)
    before = meter.total.seconds
    load = meter.reading(cells=3)
    assert load.energy_joules == pytest.approx(0.2)
    assert before <= 3 * load.seconds * (1 + 1e-9)
    assert 3 * load.seconds <= meter.total.seconds * (1 + 1e-9)


def test_cards_tell_load_memory_and_energy(tmp_path):
    driver = Driver()
    meter = Meter(tmp_path, Cards(driver, [ctypes.c_void_p(1), ctypes.c_void_p(2)]))
    driver.millijoules, driver.busy = 1_030_000, 60
    load = meter.reading()
    assert (load.gpu_percent, load.gpu_ram_mb, load.energy_joules) == (50, 4000, 60)
    assert "graphics cards 50 % busy, 4,000 MB at most" in resources_sentence(meter)


def test_a_card_that_does_not_count_leaves_energy_open(tmp_path):
    meter = Meter(tmp_path, Cards(Driver(counts=False), [ctypes.c_void_p(1)]))
    assert meter.reading().energy_joules is None
    assert resources_sentence(meter).endswith("energy meter: none on this machine.")


def test_a_counter_that_only_the_administrator_may_read_is_told(powercap):
    for zone in powercap.iterdir():
        (zone / "energy_uj").unlink()
        (zone / "energy_uj").mkdir()  # cannot be read, for the administrator neither
    meter = Meter(powercap, Cards())
    assert meter.reading().energy_joules is None
    assert "none that this user may read" in meter.about_energy


def test_processors_count_the_whole_machine_s_work(tmp_path):
    meter = Meter(tmp_path, Cards())
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    load = meter.reading()
    assert 0.2 < load.cpu_seconds <= load.seconds * (os.cpu_count() or 1) * 1.5
    assert 0 < load.cpu_percent <= 100
    assert load.ram_mb > load.process_ram_mb > 1
