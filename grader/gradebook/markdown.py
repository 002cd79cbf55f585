"""Markdown to HTML that nobody can script.

nbconvert passes the HTML inside a Markdown cell through as it stands, and formgrader shows it on the instructor's own
origin: a written answer could act as the instructor. So what nbconvert makes of it is cleaned by a list of allowed
tags, attributes and protocols. Formulas stay text between dollar signs, which MathJax sets in the browser.
"""

from __future__ import annotations

import re
from contextlib import suppress
from html import escape, unescape
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
ENTITY = re.compile(r"&#?\w+;?")
# What MathJax makes links of, or places freely on the page.
ACTIVE_TEX = re.compile(r"\\(href|url|unicode|class|cssId|style|require|mmlToken|bbox)(?![A-Za-z])")
# Pygments' colours; the page has other classes, which cover it, hide parts of it or look like its buttons.
CODE_CLASS = re.compile(r"((highlight|hl-[\w-]+|language-[\w+-]+|[a-z][a-z0-9]{0,2})( |\Z))*")
CHARACTERS = 40_000  # of one cell; a longer one is shown as it was written, because Markdown may take quadratic time


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
            return CODE_CLASS.fullmatch(value) is not None
    return False


def clean(html: str) -> str:
    """HTML without scripts, styles, forms, foreign pictures, and links other than http, mailto and within the page."""
    cleaned: str = bleach.clean(
        html, tags=TAGS, attributes=_allowed, protocols={"http", "https", "mailto", "data"}, strip_comments=True
    )
    letters = ENTITY.sub(_letter, LOST_PICTURE.sub("[picture left out]", cleaned))
    return ACTIVE_TEX.sub(r"\\text", letters)


def _letter(entity: re.Match[str]) -> str:
    """What an entity stands for, where that is no part of HTML; MathJax reads the page's text, not its source."""
    text = unescape(entity[0])
    return entity[0] if set(text) & set("<>&\"'") else text


@pass_context
def safe_markdown2html(context: Any, source: str) -> str:
    """nbconvert's filter `markdown2html`, cleaned; attached pictures of the cell are shown.

    What cannot be rendered (a picture that is not attached, a thousand nested lists) is shown as it was written.
    """
    cell = context.get("cell", {})
    renderer = IPythonRenderer(escape=False, attachments=cell.get("attachments", {}), exclude_anchor_links=True)
    if len(source) <= CHARACTERS:
        with suppress(Exception):  # whatever a parser of Markdown may raise
            return clean(MarkdownWithMath(renderer=renderer).render(source))
    return f"<pre>{escape(source)}</pre>"
