"""The card's files: facts of a version from its contents or its folder, `card.md` and `card.html` into the folder."""

from __future__ import annotations

from pathlib import Path

from noren_bento.release.version import ModelVersion
from noren_bento.tagging.card import CardFacts, make_card
from noren_bento.tagging.card_html import card_to_html
from noren_bento.tagging.card_markdown import card_to_markdown
from noren_bento.tagging.rows import to_rows
from noren_bento.tagging.serialise import FILES, Format
from noren_bento.tagging.version_files import VersionFiles
from noren_bento.tagging.write_files import EXAMPLE_ROWS, Contents

MARKDOWN, HTML = "card.md", "card.html"


def write_card(contents: Contents, version: ModelVersion, serialisation: Format, folder: Path) -> None:
    """Write the card into a version's folder, before its manifest: without the number, which the registry gives."""
    facts = CardFacts(
        version=version,
        serialisation=serialisation,
        model_bytes=(folder / FILES[serialisation]).stat().st_size,
        description=contents.description,
        profile=contents.profile,
        metrics=contents.measured.values,
        intervals=contents.measured.intervals,
        lineage=contents.origin.lineage,
        example=to_rows(contents.reference.frame.head(EXAMPLE_ROWS), version.signature),
    )
    card = make_card(facts)
    for name, text in ((MARKDOWN, card_to_markdown(card)), (HTML, card_to_html(card))):
        (folder / name).write_text(text, encoding="utf-8")


def read_facts(files: VersionFiles) -> CardFacts:
    """Read what a card tells of from the files of a registered version."""
    manifest = files.manifest
    return CardFacts(
        version=files.version,
        serialisation=manifest.serialisation,
        model_bytes=(files.path / FILES[manifest.serialisation]).stat().st_size,
        description=files.description(),
        profile=files.profile(),
        metrics=files.metrics(),
        intervals=files.intervals(),
        lineage=files.lineage(),
        example=files.example(),
    )
