"""What can go wrong for a user: one root, few children, each text says what, where and what to do next."""


class NorenError(Exception):
    """A user can act on this. The text says what is wrong with the value, where, and the next step.

    IPython asks `_render_traceback_` what to show: one clean message, while the cell fails as with any exception, so
    that Run All and papermill stop.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}", *getattr(self, "__notes__", ())]


class NotFoundError(NorenError):
    """A name, version or release that does not exist; the text lists the nearest known ones."""


class ConflictError(NorenError):
    """Somebody else was first: a release is running, a port is taken, another write won."""


class UnreachableError(NorenError):
    """A store or process does not answer: MLflow, the control process, a service."""
