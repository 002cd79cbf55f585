"""What may be kept of the outputs in a student's notebook: pictures (PNG, JPEG) and plain text.

HTML, JavaScript, SVG and widgets would run in the page of whoever grades; they are left out, and so is everything over
the limits below.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

PICTURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}  # type → how its data must begin
PICTURE_BYTES = 4_000_000  # of one picture, as base64
TEXT_CHARACTERS = 20_000  # of one output
OUTPUTS = 40  # of one cell
PAGE_PIXELS = 1_000
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
STEERING = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # also bidirectional ones


def text_of(value: object, limit: int = TEXT_CHARACTERS) -> str:
    """A source or text field of a notebook, which is a string or a list of strings; anything else is no text."""
    if isinstance(value, list):
        value = "".join(line for line in value if isinstance(line, str))
    if not isinstance(value, str):
        return ""
    text = value.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be written to a file
    if len(text) > limit:
        text = f"{text[:limit]}\n[... {len(text) - limit} characters left out]"
    return text


def visible(text: str) -> str:
    """Text in the order in which it is written: what would steer a page or turn a line around shows its number."""
    return STEERING.sub(lambda found: f"\N{REPLACEMENT CHARACTER}{ord(found[0]):X}", text)


def _printed(value: object) -> str:
    """What a cell printed, without a terminal's colours and with each stage of a progress bar on its own line."""
    text = COLOURS.sub("", text_of(value))
    return visible(text.replace("\r\n", "\n").replace("\r", "\n"))


def picture(kind: str, value: object) -> str | None:
    """The base64 of a picture, if it is one of that kind and not too large."""
    text = "".join(text_of(value, PICTURE_BYTES).split())
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return text if data.startswith(PICTURES[kind]) else None


def clean_bundle(data: object) -> dict[str, str]:
    """A MIME bundle with only its pictures and plain text."""
    if not isinstance(data, Mapping):
        return {}
    kept = {kind: found for kind in PICTURES if kind in data and (found := picture(kind, data[kind]))}
    if text := _printed(data.get("text/plain")):
        kept["text/plain"] = text
    return kept


def clean_output(output: object) -> NotebookNode | None:
    """One output of a code cell with only what may be kept of it."""
    if not isinstance(output, Mapping):
        return None
    match output.get("output_type"):
        case "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            text = _printed(output.get("text"))
            return new_output("stream", name=name, text=text) if text else None
        case "display_data" | "execute_result":
            data = clean_bundle(output.get("data"))
            return new_output("display_data", data=data, metadata=_presentation(data)) if data else None
        case "error":
            said = visible(f"{text_of(output.get('ename'), 200)}: {text_of(output.get('evalue'))}")
            return new_output("stream", name="stderr", text=said)
    return None


def _presentation(data: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """How a picture is shown: no wider than formgrader's page, and with a text for those who do not see it."""
    shown: dict[str, dict[str, Any]] = {kind: {"alt": "Output of the cell"} for kind in PICTURES if kind in data}
    if "image/png" in data and _png_width(data["image/png"]) > PAGE_PIXELS:
        shown["image/png"]["width"] = PAGE_PIXELS
    return shown


def _png_width(text: str) -> int:
    """The width of a PNG in pixels, which stands in bytes 16 to 20."""
    return int.from_bytes(base64.b64decode(text[:32])[16:20], "big")


def clean_outputs(outputs: object) -> list[NotebookNode]:
    """The outputs of a code cell with only what may be kept of them."""
    if not isinstance(outputs, list):
        return []
    return [kept for output in outputs[:OUTPUTS] if (kept := clean_output(output)) is not None]


def clean_attachments(attachments: object) -> dict[str, Any]:
    """The pictures attached to a Markdown cell: name → MIME bundle."""
    if not isinstance(attachments, Mapping):
        return {}
    kept = {name: clean_bundle(bundle) for name, bundle in attachments.items() if isinstance(name, str)}
    return {name: bundle for name, bundle in kept.items() if PICTURES.keys() & bundle}
