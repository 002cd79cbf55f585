"""Markdown to HTML that nobody can script.

nbconvert passes the HTML inside a Markdown cell through as it stands, and formgrader shows it on the instructor's own
origin: a written answer could act as the instructor. So what nbconvert makes of it is cleaned by a list of allowed
tags, attributes and protocols. Formulas stay text between dollar signs, which MathJax sets in the browser.
"""

from __future__ import annotations

import re
from typing import Any

import bleach  # type: ignore[import-untyped]
from jinja2 import pass_context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

TAGS = frozenset(
    re.findall(
        r"\w+",
        "a abbr b blockquote br code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd li ol p pre s span strong sub "
        "sup table tbody td th thead tr ul",
    )
)
PICTURE = re.compile(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=\s]*\Z")
LOST_PICTURE = re.compile(r"<img(?![^>]* src=)[^>]*>")
LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)
ACTIVE_TEX = re.compile(r"\\(href|url|unicode|class|cssId|style|require)(?![A-Za-z])")  # MathJax makes links of some


def _allowed(tag: str, name: str, value: str) -> bool:
    match tag, name:
        case "a", "href":
            return LINK.match(value) is not None
        case "img", "src":
            return PICTURE.match(value) is not None
        case "img", "alt":
            return True
        case (("td" | "th"), "align"):
            return True
        case (("code" | "pre" | "span" | "div"), "class"):  # colours of a code block
            return re.fullmatch(r"[\w\- ]*", value) is not None
    return False


def clean(html: str) -> str:
    """HTML without scripts, styles, forms, foreign pictures, and links other than http, mailto and within the page."""
    cleaned: str = bleach.clean(
        html, tags=TAGS, attributes=_allowed, protocols={"http", "https", "mailto", "data"}, strip_comments=True
    )
    return ACTIVE_TEX.sub(r"\\text", LOST_PICTURE.sub("[picture left out]", cleaned))


@pass_context
def safe_markdown2html(context: Any, source: str) -> str:
    """nbconvert's filter `markdown2html`, cleaned; attached pictures of the cell are shown."""
    cell = context.get("cell", {})
    renderer = IPythonRenderer(escape=False, attachments=cell.get("attachments", {}), exclude_anchor_links=True)
    return clean(MarkdownWithMath(renderer=renderer).render(source))
