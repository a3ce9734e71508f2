import numpy as np
import pytest

from tl_core.runs.memory import oom_kills, peak_memory


def test_peak_memory_grows_with_what_is_held_and_never_falls():
    before = peak_memory()
    held = np.ones(before // 8 + 30 * 2**17)
    assert peak_memory() - before > 20 * 2**20
    del held
    assert peak_memory() > before


@pytest.mark.parametrize("unified", [True, False])
def test_the_system_is_asked_about_this_control_group_first(tmp_path, unified):
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "vmstat").write_text("nr_free_pages 5\noom_kill 7\n")
    assert oom_kills(proc, groups) == 7
    (groups / "box").mkdir(parents=True)
    (groups / "box" / "memory.events").write_text("low 0\noom 4\noom_kill 3\n")
    (proc / "self" / "cgroup").write_text("0::/box\n" if unified else "4:memory:/box\n")
    assert oom_kills(proc, groups) == (3 if unified else 7)


def test_a_system_that_does_not_say_has_killed_nothing(tmp_path):
    assert oom_kills(tmp_path, tmp_path) == 0
