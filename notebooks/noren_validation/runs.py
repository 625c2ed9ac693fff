"""Runs: the notebooks of one validation under way, each in a kernel of its own, all ended when the caller leaves."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from types import TracebackType
from typing import Self

from noren_bento.errors import NorenError
from noren_validation.execute import Execution, execute_notebook
from noren_validation.gate import judge_notebook
from noren_validation.kernel import Kernel
from noren_validation.mask import mask_log, read_notebook_secrets
from noren_validation.validation import NotebookResult

AT_ONCE = 3
"""Two that work, and one that has loaded what it needs and waits for the service."""


class Runs:
    """Starts notebooks, collects what the gate reads in them, and leaves no process behind however it is left.

    Use it as a context manager on the caller's thread: an exception there, Ctrl-C included, kills every kernel.
    """

    def __init__(self, folder: Path, *, digest: str, deadline_seconds: float) -> None:
        self._folder = folder
        self._digest = digest
        self._deadline_seconds = deadline_seconds
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="noren-validation")
        self._kernels: list[Kernel] = []
        self._futures: dict[Future[Execution], str] = {}

    def start(self, notebook: Path, subject: Path) -> Future[Execution]:
        """Start one notebook, given its subject's file; it waits in line where too many run already."""
        name = notebook.stem
        if name in self._futures.values():
            raise NorenError(
                f"Two validation notebooks are called {name!r}. Rename one: the report goes by names."
            )
        kernel = Kernel(self._log_of(name))
        self._kernels.append(kernel)
        future = self._pool.submit(self._run, notebook, subject, kernel)
        self._futures[future] = name
        return future

    def results(self, progress: Callable[[str], None]) -> tuple[NotebookResult, ...]:
        """Wait for all and return what they said, in the order in which they were started."""
        done: dict[str, NotebookResult] = {}
        for future in as_completed(self._futures):
            name, execution = self._futures[future], future.result()
            done[name] = result = judge_notebook(
                name,
                execution.notebook,
                digest=self._digest,
                interruption=execution.interruption,
                seconds=execution.seconds,
                path=self._folder / f"{name}.ipynb",
            )
            passed = sum(verdict.passed for verdict in result.checks)
            progress(f"{name}: {passed} of {len(result.checks)} checks passed, {result.seconds:.1f} s")
        return tuple(done[name] for name in self._futures.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for kernel in self._kernels:
                kernel.kill("the validation was stopped")
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, notebook: Path, subject: Path, kernel: Kernel) -> Execution:
        secrets = read_notebook_secrets(notebook)
        try:
            with kernel:
                kernel.start(notebook.parent)
                return execute_notebook(
                    notebook,
                    self._folder / notebook.name,
                    kernel=kernel,
                    subject=subject,
                    secrets=secrets,
                    deadline_seconds=self._deadline_seconds,
                )
        finally:
            mask_log(self._log_of(notebook.stem), secrets)

    def _log_of(self, name: str) -> Path:
        return self._folder / f"{name}.log"
