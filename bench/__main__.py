"""Run every measurement, or those that are named: `python -m bench import_time`.

One that is named alone is given the options behind its name: `python -m bench serving --rounds 5`.
"""

from __future__ import annotations

import importlib
import inspect
import os
import platform
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Print one section a measurement."""
    first = next((place for place, one in enumerate(arguments) if one.startswith("-")), len(arguments))
    names, options = arguments[:first], arguments[first:]
    there = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    if unknown := sorted(set(names) - set(there)):
        sys.exit(f"There is no measurement {', '.join(unknown)}. There are: {', '.join(there)}.")
    if options and len(names) != 1:
        sys.exit(f"{options[0]}: options are one measurement's; name that one first.")
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
    )
    for name in names or there:
        module = importlib.import_module(f"bench.{name}")
        if hasattr(module, "main"):
            print(f"\n## {name}: {(module.__doc__ or '').strip().splitlines()[0]}\n", flush=True)
            if options and not inspect.signature(module.main).parameters:
                sys.exit(f"{name} takes no options.")
            module.main(*([options] if options else []))


if __name__ == "__main__":
    main(sys.argv[1:])
