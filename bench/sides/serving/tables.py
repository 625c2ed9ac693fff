"""Tables: medians over the rounds, in Markdown."""

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

    def noren_cpu_us(self, model: str, workload: str) -> float | None:
        """The median of whichever Noren was asked so."""
        both = (self.cpu_us(name, model, workload) for name in ("noren", "unlogged"))
        return next((cpu_us for cpu_us in both if cpu_us is not None), None)

    def best_peer(self, model: str, workload: str) -> tuple[str, float] | None:
        """The peer that needs the least CPU, and how much."""
        used = {name: self.cpu_us(name, model, workload) for name in self.servers if SERVERS[name].is_peer}
        known = {name: cpu_us for name, cpu_us in used.items() if cpu_us is not None}
        best = min(known, key=known.__getitem__, default=None)
        return None if best is None else (best, known[best])


@dataclass(frozen=True, slots=True)
class Share:
    """Two workloads of Noren's, one beside the other."""

    title: str
    """Ends with `/ …` where the ratio is shown, else the difference is."""
    more: str
    less: str


def workload_table(found: Found, workload: Workload, besides: Sequence[Workload]) -> Iterable[str]:
    """One row a server, then those that stand beside."""
    yield f"### {workload.title}\n"
    yield "CPU µs a request · latency p50 / p99 ms · requests a second.\n"
    yield from _head("server", found.models)
    for name in found.servers:
        server = SERVERS[name]
        if workload.is_for(server):
            yield _samples_row(found, server.title, name, workload.name)
        for one in besides:
            if one.server == name:
                yield _samples_row(found, one.title, name, one.name)


def _samples_row(found: Found, title: str, server: str, workload: str) -> str:
    return _row(title, [_sample_cell(found.samples(server, model, workload)) for model in found.models])


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
        if not workload.beside:
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


def share_table(found: Found, shares: Sequence[Share]) -> Iterable[str]:
    """What monitoring costs, and what Arrow saves."""
    yield "### Within Noren, CPU a request\n"
    yield from _head("", found.models)
    for share in shares:
        yield _row(share.title, [_share_cell(found, share, model) for model in found.models])


def _share_cell(found: Found, share: Share, model: str) -> str:
    more, less = (found.noren_cpu_us(model, workload) for workload in (share.more, share.less))
    if not more or not less:
        return "–"
    return f"{more / less:.1f}" if " / " in share.title else f"{more - less:+,.1f} µs"


def start_table(found: Found) -> Iterable[str]:
    """What it costs to be there."""
    yield "### Start and memory\n"
    yield "Seconds from the start to the first answer · resident MB of the worker · MB of its whole process tree.\n"
    yield from _head("server", found.models)
    for server in (one for one in found.servers if one != "unlogged"):
        cells = [_visits_cell(found.visits.get((server, model), [])) for model in found.models]
        yield _row(SERVERS[server].title, cells)


def _visits_cell(visits: Sequence[Visit]) -> str:
    if not visits:
        return "–"
    figures = [(visit.cold_seconds, visit.worker_mb, visit.tree_mb) for visit in visits]
    cold, worker, tree = (median(column) for column in zip(*figures, strict=True))
    return f"{cold:.1f} · {worker:.0f} · {tree:.0f}"


def left_out(found: Found) -> Iterable[str]:
    """Who was not measured, and why."""
    for server, reason in found.reasons.items():
        yield f"{SERVERS[server].title} was not measured: {reason}\n"


def _head(first: str, models: Sequence[str]) -> Iterable[str]:
    yield _row(first, [TITLES[model] for model in models])
    yield "|" + "---|" * (len(models) + 1)


def _row(first: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join((first, *cells)) + " |"
