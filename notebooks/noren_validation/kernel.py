"""Kernel: one process for one notebook, started early, and killed with everything that it started."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Kernel:
    """An IPython kernel of this very interpreter, for one notebook.

    Its sockets lie in a folder of its own that only this user may enter: loopback TCP ports would let every user of
    the machine read the outputs, and kernels that share a folder talk to each other's clients.
    It is a context manager for the thread that starts it and executes in it; `kill` may be called from any thread.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._process: Any = None
        self.manager: Any = None
        """jupyter_client's manager of the process."""
        self.reason = ""
        """Why it was killed; empty when nobody killed it."""

    def start(self, folder: Path) -> None:
        """Start the process in a working folder and return at once: it gets ready meanwhile."""
        from jupyter_client.manager import AsyncKernelManager  # noqa: PLC0415 -- heavy

        self.manager = AsyncKernelManager(
            kernel_name="python3",
            kernel_spec_manager=_own_specs(),
            transport="ipc",
            ip=str(self._sockets / "k"),
            connection_file=str(self._sockets / "connection.json"),
        )
        with self._log.open("ab") as log, self._lock:
            if self.reason:
                raise RuntimeError(self.reason)
            start = self.manager.start_kernel(cwd=str(folder), env=dict(os.environ), stdout=log, stderr=log)
            self._loop.run_until_complete(start)
            self._process = self.manager.provisioner.process

    def kill(self, reason: str) -> None:
        """End it now, together with what it started; the first reason stays."""
        with self._lock:
            self.reason = self.reason or reason
            self._kill()

    @property
    def exit_code(self) -> int | None:
        """How the process ended; None while it runs or before it started."""
        code: int | None = self._process.poll() if self._process is not None else None
        return code

    def __enter__(self) -> Self:
        from jupyter_core.utils import ensure_event_loop  # noqa: PLC0415 -- heavy

        self._sockets = Path(tempfile.mkdtemp(prefix="noren-kernel-"))
        self._loop = ensure_event_loop()  # the one that nbclient will use on this thread
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._lock:
                self._kill()
                if self._process is not None:
                    self._process.wait()
            if self.manager is not None:
                self._loop.run_until_complete(self.manager.cleanup_resources())
        finally:
            self._loop.close()
            shutil.rmtree(self._sockets, ignore_errors=True)

    def _kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            # jupyter_client starts a kernel in a session of its own, so that the group is the kernel's alone.
            os.killpg(self._process.pid, signal.SIGKILL)


def _own_specs() -> Any:
    """A kernel spec of this interpreter: one installed as `python3` may belong to another environment."""
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager  # noqa: PLC0415 -- heavy

    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
    # IPython's history is one SQLite file of the user: the kernels of a gate neither read nor write it.
    spec = KernelSpec(
        argv=[*argv, "--HistoryManager.enabled=False"], language="python", display_name="Noren validation"
    )

    class OwnSpecs(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return spec

    return OwnSpecs()
