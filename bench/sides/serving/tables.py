"""Tables: medians over the rounds, in Markdown; the smallest CPU of a column is bold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.sides.serving.measure import Sample, Visit, Workload
from bench.sides.serving.models import TITLES
from bench.sides.serving.servers import SERVERS


@dataclass(frozen=True, slots=True)
class Found:
    """All that was measured."""

    models: Sequence[str]
    servers: Sequence[str]
    visits: dict[tuple[str, str], list[Visit]]
    """By server and model, one a round."""
    reasons: dict[str, str]
    """Why a server was not measured."""

    def samples(self, server: str, model: str, workload: str) -> list[Sample]:
        """One a round; none where the server has not been asked so."""
        visits = self.visits.get((server, model), [])
        return [visit.samples[workload] for visit in visits if workload in visit.samples]

    def cpu_us(self, server: str, model: str, workload: str) -> float | None:
        """The median."""
        samples = self.samples(server, model, workload)
        return median(sample.cpu_us for sample in samples) if samples else None

    def best_peer(self, model: str, workload: str) -> tuple[str, float] | None:
        """The peer that needs the least CPU, and how much."""
        used = {name: self.cpu_us(name, model, workload) for name in self.servers if SERVERS[name].is_peer}
        known = {name: cpu_us for name, cpu_us in used.items() if cpu_us is not None}
        best = min(known, key=known.__getitem__, default=None)
        return None if best is None else (best, known[best])


def workload_table(found: Found, workload: Workload) -> Iterable[str]:
    """One row a server."""
    yield f"### {workload.title}\n"
    yield "CPU µs a request · latency p50 / p99 ms · requests a second.\n"
    yield from _head("server", found.models)
    for server in found.servers:
        if workload.is_for(SERVERS[server]):
            cells = [_sample_cell(found.samples(server, model, workload.name)) for model in found.models]
            yield _row(SERVERS[server].title, cells)


def _sample_cell(samples: Sequence[Sample]) -> str:
    if not samples:
        return "–"

    def middle(of: Callable[[Sample], float]) -> float:
        return median(of(sample) for sample in samples)

    cell = (
        f"{middle(lambda one: one.cpu_us):,.0f} · {middle(lambda one: one.p50_ms):.2f} / "
        f"{middle(lambda one: one.p99_ms):.2f} · {middle(lambda one: one.per_second):,.0f}"
    )
    failed = sum(sample.failed for sample in samples)
    return f"{cell} ({failed} failed)" if failed else cell


def ratio_table(found: Found, workloads: Sequence[Workload]) -> Iterable[str]:
    """How Noren stands beside the best peer and the limit, in CPU a request."""
    yield "### Noren beside the best peer and the limit, CPU a request\n"
    yield from _head("", found.models)
    for workload in workloads:
        if not workload.servers:
            cells = [_peer_cell(found, model, workload.name) for model in found.models]
            yield _row(f"{workload.title}: Noren / best peer", cells)
            cells = [_limit_cell(found, model, workload.name) for model in found.models]
            yield _row(f"{workload.title}: Noren − limit", cells)


def _peer_cell(found: Found, model: str, workload: str) -> str:
    noren, best = found.cpu_us("noren", model, workload), found.best_peer(model, workload)
    if not noren or best is None:
        return "–"
    return f"1/{best[1] / noren:.1f} ({SERVERS[best[0]].title})"


def _limit_cell(found: Found, model: str, workload: str) -> str:
    noren, limit = found.cpu_us("noren", model, workload), found.cpu_us("limit", model, workload)
    return "–" if noren is None or limit is None else f"{noren - limit:+,.0f} µs"


def share_table(found: Found, *, counted: str, uncounted: str, bulk: str, arrow: str) -> Iterable[str]:
    """What monitoring costs, and what Arrow saves."""
    yield "### Within Noren, CPU a request\n"
    yield from _head("", found.models)
    pairs = {
        "counters and log: counted − not counted": (("noren", counted), ("noren", uncounted)),
        "log alone: `log_share` 1 − 0": (("noren", counted), ("unlogged", counted)),
    }
    for title, (more, less) in pairs.items():
        used = [
            (found.cpu_us(more[0], one, more[1]), found.cpu_us(less[0], one, less[1])) for one in found.models
        ]
        yield _row(title, ["–" if a is None or b is None else f"{a - b:+,.1f} µs" for a, b in used])
    used = [(found.cpu_us("noren", one, bulk), found.cpu_us("noren", one, arrow)) for one in found.models]
    yield _row("1,000 rows: JSON / Arrow", ["–" if not a or not b else f"{a / b:.1f}" for a, b in used])


def start_table(found: Found) -> Iterable[str]:
    """What it costs to be there."""
    yield "### Start and memory\n"
    yield "Seconds from the start to the first answer · resident MB of the worker · MB of its whole process tree.\n"
    yield from _head("server", found.models)
    for server in found.servers:
        cells = []
        for model in found.models:
            visits = found.visits.get((server, model), [])
            figures = [(visit.cold_seconds, visit.worker_mb, visit.tree_mb) for visit in visits]
            cold, worker, tree = (
                (median(column) for column in zip(*figures, strict=True)) if figures else (0, 0, 0)
            )
            cells.append(f"{cold:.1f} · {worker:.0f} · {tree:.0f}" if figures else "–")
        yield _row(SERVERS[server].title, cells)


def left_out(found: Found) -> Iterable[str]:
    """Who was not measured, and why."""
    for server, reason in found.reasons.items():
        yield f"{SERVERS[server].title} was not measured: {reason}\n"


def _head(first: str, models: Sequence[str]) -> Iterable[str]:
    yield _row(first, [TITLES[model] for model in models])
    yield "|" + "---|" * (len(models) + 1)


def _row(first: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join((first, *cells)) + " |"
