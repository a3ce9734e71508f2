"""Memory a process used, and whether the system ended one for want of it."""

import sys
from pathlib import Path


def peak_memory() -> int:
    """Return the most memory this process has held so far, in bytes."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def oom_kills(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many processes the system has killed for want of memory, 0 if it does not say.

    Counts this process' control group where there is one, since the machine's own count may be
    about somebody else's container.
    """
    for counter in (_control_group(proc, cgroups) / "memory.events", proc / "vmstat"):
        try:
            lines = counter.read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        counts = dict(line.split() for line in lines)
        if "oom_kill" in counts:
            return int(counts["oom_kill"])
    return 0


def _control_group(proc: Path, cgroups: Path) -> Path:
    try:
        lines = (proc / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return cgroups
    unified = [line.removeprefix("0::/") for line in lines if line.startswith("0::/")]
    return cgroups / unified[0] if unified else cgroups
