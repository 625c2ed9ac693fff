"""The card's files: what a card tells of is read from a version's folder, and `card.md` and `card.html` go there."""

from __future__ import annotations

from pathlib import Path

from noren_bento.release.version import ModelVersion
from noren_bento.tagging.card.card import CardFacts, make_card
from noren_bento.tagging.card.html import card_to_html
from noren_bento.tagging.card.markdown import card_to_markdown
from noren_bento.tagging.serialise import FILES
from noren_bento.tagging.version_files import VersionFiles
from noren_bento.tagging.write_files import add_file

MARKDOWN, HTML = "card.md", "card.html"


def write_card(folder: Path, manifest_digest: str) -> str:
    """Write the card of a version that has no number yet into its folder; return the manifest's new SHA-256."""
    files = VersionFiles(folder, manifest_digest)
    card = make_card(_read_facts(files, files.manifest.version))
    add_file(folder, MARKDOWN, card_to_markdown(card).encode())
    return add_file(folder, HTML, card_to_html(card).encode())


def read_facts(files: VersionFiles) -> CardFacts:
    """Read what a card tells of from the files of a registered version."""
    return _read_facts(files, files.version)


def _read_facts(files: VersionFiles, version: ModelVersion) -> CardFacts:
    manifest, search = files.manifest, files.search()
    return CardFacts(
        version=version,
        serialisation=manifest.serialisation,
        model_bytes=(files.path / FILES[manifest.serialisation]).stat().st_size,
        description=files.description(),
        profile=files.profile(),
        metrics=files.metrics(),
        intervals=files.intervals(),
        lineage=files.lineage(),
        example=files.example(),
        cost=files.cost(),
        tried=0 if search is None else len(search),
    )
