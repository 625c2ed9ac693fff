"""The papermill engine that runs a notebook in a given Kernel and ends it when its output grows without end.

Import this module only where a notebook is executed: papermill takes about two seconds of CPU to import.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from noren_validation.kernel import Kernel

NAME = "noren"
MAX_OUTPUT_CHARACTERS = 20_000_000
IOPUB_SECONDS = 60
"""nbclient gives outputs 4 s to arrive after a cell; a busy machine is no reason to close the gate."""

# Both would print to the caller's cell through logging's last resort; what they say is in the Validation.
logging.getLogger("papermill").addHandler(logging.NullHandler())
logging.getLogger("nbclient").addHandler(logging.NullHandler())


class Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill ships no types
    """papermill's client with a limit on the sum of a notebook's outputs."""

    def __init__(self, nb_man: Any, *, kernel: Kernel, **options: Any) -> None:
        super().__init__(nb_man, km=kernel.manager, iopub_timeout=IOPUB_SECONDS, **options)
        self._noren_kernel = kernel
        self._characters = 0

    def process_message(self, msg: Mapping[str, Any], cell: Any, cell_index: int) -> Any:
        """Count, then do what papermill does."""
        content = msg.get("content", {})
        texts = (content.get("text", ""), *content.get("data", {}).values())
        self._characters += sum(len(text) for text in texts if isinstance(text, str))
        if self._characters > MAX_OUTPUT_CHARACTERS:
            self._noren_kernel.kill(f"it printed more than {MAX_OUTPUT_CHARACTERS:,} characters")
            return None
        return super().process_message(msg, cell, cell_index)


class Run:
    """One notebook under way in a started kernel. Papermill is given no file to write, so this holds what it did."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.manager: Any = None
        """Papermill's; None until the notebook could be opened."""

    def notebook(self) -> dict[str, Any]:
        """The notebook's JSON as far as it ran; without cells when it could not even be opened."""
        if self.manager is None:
            return {"cells": []}
        held: dict[str, Any] = json.loads(json.dumps(self.manager.nb))
        return held


class Engine(NBClientEngine):  # type: ignore[misc]  # papermill ships no types
    """Runs the notebook in the Kernel that the caller started, and closes the channels that it opened."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, *, run: Run, **options: Any) -> Any:
        """Execute; papermill calls this."""
        run.manager = nb_man
        log = logging.getLogger("papermill")
        client = Client(nb_man, kernel=run.kernel, kernel_name=kernel_name, log=log)
        try:
            return client.execute()
        finally:
            if client.kc is not None:
                client.kc.stop_channels()


papermill_engines.register(NAME, Engine)
