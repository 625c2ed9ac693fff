"""The papermill engine that runs a notebook in a given Kernel and ends it when its output grows without end.

Import this module only where a notebook is executed: papermill takes about two seconds of CPU to import.
"""

from __future__ import annotations

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


class Engine(NBClientEngine):  # type: ignore[misc]  # papermill ships no types
    """Runs the notebook in the Kernel that the caller started, and closes the channels that it opened."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, kernel: Kernel, **options: Any
    ) -> Any:
        """Execute; papermill calls this."""
        client = Client(nb_man, kernel=kernel, kernel_name=kernel_name, log=logging.getLogger("papermill"))
        try:
            return client.execute()
        finally:
            if client.kc is not None:
                client.kc.stop_channels()


papermill_engines.register(NAME, Engine)
