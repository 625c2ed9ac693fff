"""Card: what a version is, on what data, how well, within which limits and from where, as titled parts. Pure.

`make_card` makes it from what a version's own files hold; `markdown` and `html` write it down.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from noren_bento.profile.profile import Profile
from noren_bento.release.version import ModelVersion, Signature
from noren_bento.tagging.card.columns import columns_table, outputs_table
from noren_bento.tagging.card.cost import cost_table
from noren_bento.tagging.card.limits import limits_of
from noren_bento.tagging.card.metrics import metric_tables
from noren_bento.tagging.card.parts import Code, Items, Pairs, Part, Section, Table
from noren_bento.tagging.card.words import listed, moment, size, visible
from noren_bento.tagging.cost import Cost
from noren_bento.tagging.description import Description
from noren_bento.tagging.lineage.lineage import Lineage
from noren_bento.tagging.metrics.labels import metric_names
from noren_bento.tagging.serialise import Format

MOST_EXAMPLE = 2_000
"""Characters of a row in the example; a longer one is in `input_example.json`."""
MOST_PARAMETERS = 40
STORED = {
    "skops": "skops: loading it constructs reviewed types only and runs no code of the file",
    "cloudpickle": "cloudpickle: loading it runs code, so its SHA-256 is compared first",
}


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a card tells of: the contents of a version's files."""

    version: ModelVersion
    """With number 0 before the registry has given one."""
    serialisation: Format
    model_bytes: int
    description: Description
    profile: Profile
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    lineage: Lineage
    example: Sequence[Mapping[str, Any]]
    """Rows as a request holds them."""
    cost: Cost
    tried: int = 0
    """Candidates of the search that found the model; 0 where none did."""

    @property
    def title(self) -> str:
        """`churn/3`, or `churn` while it has no number."""
        return str(self.version) if self.version.number else self.version.name


@dataclass(frozen=True, slots=True)
class Card:
    """A model card."""

    title: str
    lead: str
    sections: tuple[Section, ...]


def make_card(facts: CardFacts) -> Card:
    """Make the card of a version."""
    sections = (
        Section("Model", _model(facts)),
        Section(
            "Metrics",
            metric_tables(
                facts.metrics,
                facts.intervals,
                rows=facts.lineage.test.rows,
                labels=_labels(facts),
            ),
        ),
        Section("Cost", (cost_table(facts.cost),)),
        Section("Data", _data(facts)),
        Section("Limits", (Items(limits_of(facts)),)),
        Section("Use", _use(facts)),
        Section("Lineage", _lineage(facts.lineage)),
    )
    return Card(facts.title, lead_of(facts), sections)


def lead_of(facts: CardFacts) -> str:
    """Say in one line what it is."""
    signature = facts.version.signature
    count = len(signature.columns)
    return (
        f"{task_of(signature)} from {count:,} input{'s' if count != 1 else ''}: {made_of(facts.description)}"
    )


def made_of(description: Description) -> str:
    """Say of what a model is made.

    >>> made_of(Description("sklearn.pipeline.Pipeline", ("StandardScaler", "Ridge"), {}, {}))
    'StandardScaler → Ridge'
    """
    if description.name == "Pipeline" and description.parts:
        return " → ".join(visible(part) for part in description.parts)
    of = f" of {listed(description.parts)}" if description.parts else ""
    return visible(description.name) + of


def task_of(signature: Signature) -> str:
    """Say what a model does."""
    targets = f" of {len(signature.targets)} targets" if signature.targets else ""
    if signature.classes:
        return f"Classification into {len(signature.classes)} classes"
    if signature.task == "outliers":
        return "Detection of outliers"
    return signature.task.capitalize() + targets


def _labels(facts: CardFacts) -> dict[str, str]:
    """What classes and targets are called, by their name in metrics, which MLflow allows few characters."""
    signature = facts.version.signature
    told = [str(label) for label in signature.classes or signature.targets]
    measured = sum(name.startswith("support/") for name in facts.metrics)
    if signature.classes and measured != len(
        told
    ):  # class3 is then another class than the third that was learned
        return {}
    names = metric_names(told, "class" if signature.classes else "y")
    return dict(zip(names, told, strict=True))


def _answers_of(signature: Signature) -> str:
    if signature.probabilities:
        return "labels and their probabilities"
    return "labels and their scores (decision_function)" if signature.scores else "predictions"


def _model(facts: CardFacts) -> tuple[Part, ...]:
    signature, description = facts.version.signature, facts.description
    pairs = [("class", visible(description.kind)), ("made of", made_of(description))]
    if facts.tried:
        pairs.append(("found by", f"a search over {facts.tried:,} candidates (search.parquet)"))
    pairs.append(("task", task_of(signature)))
    if signature.classes:
        pairs.append(("classes", listed(signature.classes, 30)))
    if signature.targets:
        pairs.append(("targets", listed(signature.targets, 30)))
    pairs.append(("answers", _answers_of(signature)))
    pairs.append(("stored as", f"{STORED[facts.serialisation]}; {size(facts.model_bytes)}"))
    pairs.append(("digest", facts.version.digest))
    return (Pairs(tuple(pairs)), _parameters(description))


def _parameters(description: Description) -> Part:
    if not description.changed:
        return Items(("All parameters are the defaults.",))
    rows = tuple((visible(name), visible(value, 160)) for name, value in description.changed.items())
    left = len(rows) - MOST_PARAMETERS
    note = f"{left:,} more are in description.json." if left > 0 else ""
    title = "Parameters that differ from the defaults"
    return Table(title, ("parameter", "value"), rows[:MOST_PARAMETERS], note=note)


def _data(facts: CardFacts) -> tuple[Part, ...]:
    lineage, signature = facts.lineage, facts.version.signature
    splits = tuple(
        (name, f"{split.rows:,} rows × {len(split.dtypes):,} columns, digest {split.digest[:16]}")
        for name, split in (("train", lineage.train), ("test", lineage.test))
    )
    parts: list[Part] = [Pairs((*splits, ("counted", facts.profile.made)))]
    parts.append(columns_table(signature, facts.profile))
    if facts.profile.outputs:
        parts.append(outputs_table(signature, facts.profile))
    return tuple(parts)


def _use(facts: CardFacts) -> tuple[Part, ...]:
    row = json.dumps({"rows": list(facts.example[:1])}, ensure_ascii=True)
    data = "@input_example.json" if len(row) > MOST_EXAMPLE else "'" + row.replace("'", "'\\''") + "'"
    url = f"http://127.0.0.1:8620/{facts.version.name}/predict"
    call = f"curl -H 'Content-Type: application/json' {url} \\\n  -d {data}"
    where = f"Release it with %deploy {facts.title}; it then answers where Envoy listens (NOREN_HOST, NOREN_PORT):"
    return (Items((where,)), Code(call, "bash"))


def _lineage(lineage: Lineage) -> tuple[Part, ...]:
    commit, machine = lineage.commit, lineage.machine
    pairs = [
        (
            "tagged",
            f"{moment(lineage.at)} by {visible(lineage.who)} (so says the {lineage.who_says}; not proven)",
        )
    ]
    cells = f", after {lineage.cells:,} executions (cells.py)" if lineage.cells else ""
    pairs.append(("notebook", (visible(lineage.notebook) if lineage.notebook else "not known") + cells))
    if commit is None:
        pairs.append(("code", "not in a git repository"))
    else:
        where = f" of {visible(commit.remote, 160)}" if commit.remote else ""
        state = ", with changes that are in no commit (dirty.diff)" if commit.dirty else ""
        pairs.append(("code", f"{commit.sha[:12]} on {visible(commit.branch)}{where}{state}"))
    memory = f", {size(machine.memory_bytes)}" if machine.memory_bytes else ""
    pairs.append(
        ("machine", f"{visible(machine.cpu)}, {machine.cores} cores{memory}; {visible(machine.release)}")
    )
    pairs.append(("python", f"{machine.python} on {machine.system}"))
    spent = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in lineage.seconds.items())
    pairs.append(("stages", spent or "not measured"))
    pairs.append(
        ("libraries", " · ".join(f"{name} {version}" for name, version in lineage.libraries.items()))
    )
    return (Pairs(tuple(pairs)),)
