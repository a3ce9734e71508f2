"""Memory a process used, a bound to it, and whether the system ended one for want of it."""

import resource
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_LOOK = 0.1

_this = psutil.Process()


def peak_memory() -> int:
    """Return the most memory this process has held so far, in bytes."""
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def memory() -> int:
    """Return the memory that this process alone holds, in bytes.

    Files mapped from the disk, as libraries are, are not in it: the system takes their memory
    back whenever it is wanted.
    """
    used = _this.memory_info()
    return int(used.rss - getattr(used, "shared", 0))


@contextmanager
def bounded(limit: int | None, over: Callable[[int, int], None]) -> Iterator[None]:
    """Call `over` with the memory held and the limit, in a thread, as soon as it holds more.

    A limit that the system sets on a process' addresses is none on its memory, since TensorFlow
    reserves far more of them than it uses, and ends the process without a word besides.
    """
    if limit is None:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK):
            used = memory()
            if used > limit:
                over(used, limit)
                return

    thread = threading.Thread(target=watch, name="memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


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
