"""Where versions run. The local target keeps one process tree a version under supervisord."""
