"""Run every measurement, or those that are named: `python -m bench import_time`."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from pathlib import Path


def main(names: list[str]) -> None:
    """Print one section a measurement."""
    there = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    if unknown := sorted(set(names) - set(there)):
        sys.exit(f"There is no measurement {', '.join(unknown)}. There are: {', '.join(there)}.")
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
    )
    for name in names or there:
        module = importlib.import_module(f"bench.{name}")
        if hasattr(module, "main"):
            print(f"\n## {name}: {(module.__doc__ or '').strip().splitlines()[0]}\n", flush=True)
            module.main()


if __name__ == "__main__":
    main(sys.argv[1:])
