"""The only module that asks which operating system this is.

What one system alone can do has a fallback here that works everywhere. With the environment
variable ``FER_PORTABLE=1`` the fallbacks run on Linux too, so that tests reach them.
"""

import os
import platform
import signal
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import psutil

#: Two readings of a time are the same moment if they differ by less than this, in seconds:
#: what a system says of its start moves a little when its clock is set.
_SAME_TIME = 2.0
#: Nice value of what works in the background.
_LOW = 10


def is_posix() -> bool:
    """Return whether signals and resource limits of POSIX are there."""
    return os.name == "posix" and os.environ.get("FER_PORTABLE") != "1"


@dataclass(frozen=True)
class ProcessIdentity:
    """What tells a process from every other one, also on other machines.

    A process id alone means nothing on another machine, in another container or after a
    restart.

    Attributes:
        host: Name of the machine or container.
        boot: When it started, in seconds since 1970.
        pid: The process id.
        started: When the process started, in seconds since 1970.
        space: Which numbering of processes the id belongs to: containers of one machine may
            have the same name, but each counts its own processes. Empty where the system does
            not tell.
    """

    host: str
    boot: float
    pid: int
    started: float
    space: str = ""

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return the identity of a running process of this machine; ``None`` if it is gone."""
        try:
            started = psutil.Process(pid).create_time()
        except psutil.Error:
            return None
        return cls(platform.node(), psutil.boot_time(), pid, started, _process_space())

    @classmethod
    def from_json(cls, value: Any) -> Self | None:
        """Return the identity that :meth:`to_json` described, or ``None`` if it is damaged."""
        try:
            host, boot, pid, started = (value[key] for key in ("host", "boot", "pid", "started"))
            space = str(value.get("space", ""))
            return cls(str(host), float(boot), int(pid), float(started), space)
        except (AttributeError, TypeError, LookupError, ValueError):
            return None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)

    def is_of_this_machine(self) -> bool:
        """Return whether this machine or container started the process."""
        return self.host == platform.node() and self.space in ("", _process_space())

    def process(self) -> psutil.Process | None:
        """Return the running process, or ``None`` unless it is certainly this one."""
        if not self.is_of_this_machine() or abs(self.boot - psutil.boot_time()) > _SAME_TIME:
            return None
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SAME_TIME
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


def _process_space() -> str:
    try:
        return Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return ""


def detached(*, session: bool = True) -> dict[str, Any]:
    """Return the arguments of ``subprocess.Popen`` for a worker that Ctrl-C does not reach.

    Args:
        session: Whether it leads a session of its own and so outlives its starter's terminal. A
            worker that ends with its starter needs none, and Linux weighs priorities only within
            a session.
    """
    if sys.platform == "win32":
        import subprocess

        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"start_new_session": True} if session else {"process_group": 0}


def suspend(process: psutil.Process) -> bool:
    """Halt a process and those that it started; return whether that was possible."""
    return _each(process, "suspend")


def resume(process: psutil.Process) -> bool:
    """Let a halted process and those that it started go on; return whether that was possible."""
    return _each(process, "resume")


def ask_to_end(process: psutil.Process) -> bool:
    """Ask a worker to end, see :func:`end_when_asked`; return whether that was possible.

    Where a system cannot ask, the worker and what it started end at once. Its last state is
    then what it wrote before, and whoever asked writes that it was stopped.
    """
    if not is_posix():
        return _each(process, "kill")
    with suppress(psutil.Error):
        process.terminate()
        process.resume()  # a halted process hears nothing
        return True
    return False


def end_when_asked() -> None:
    """Let this worker end as after Ctrl-C when it is asked to."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def yield_to_others() -> None:
    """Let other processes go first: this one works in the background."""
    with suppress(psutil.Error, OSError):
        low = psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else _LOW
        psutil.Process().nice(low)
    # Linux may share the processor out among sessions first, and the priority of a process
    # counts only within its own: a job leads a session, see :func:`detached`.
    with suppress(OSError):
        if is_posix() and os.getsid(0) == os.getpid():
            Path("/proc/self/autogroup").write_text(str(_LOW), encoding="ascii")


def limit_memory(memory: int) -> None:
    """Limit the memory that this process may hold; do nothing where the system has no such limit.

    What is reserved by now and not in use does not count. Whoever started the process watches
    its memory as well, see :class:`fer_core.worker_process.WorkerProcess`.

    Args:
        memory: Bytes.
    """
    if not is_posix():
        return
    import resource

    now = psutil.Process().memory_info()
    with suppress(ValueError, OSError):  # macOS refuses a limit of the address space
        most = now.vms - now.rss + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def describe_machine() -> str:
    """Return what this machine is, in words for a card: ``2 cores, x86_64``."""
    return f"{os.cpu_count()} cores, {platform.machine()}"


def processor_name() -> str:
    """Return the processor's name as far as the system tells it."""
    for line in _text(Path("/proc/cpuinfo")).splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown processor"


def has_gpu() -> bool:
    """Return whether this machine has a GPU of NVIDIA with its driver."""
    return Path("/proc/driver/nvidia/version").exists()


def computes_bfloat16() -> bool:
    """Return whether this machine has arithmetic for bfloat16.

    Without, training in bfloat16 is many times slower than in float32. Where the system does
    not tell, the answer is no.
    """
    if has_gpu():
        return True
    flags = _text(Path("/proc/cpuinfo"))
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _each(process: psutil.Process, act: str) -> bool:
    """Call a method of a process and of all that it started."""
    try:
        family = [*process.children(recursive=True), process]
    except psutil.Error:
        return False
    done = False
    for one in family:
        with suppress(psutil.Error):
            getattr(one, act)()
            done = one is process
    return done
