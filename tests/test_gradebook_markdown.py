from __future__ import annotations

import re
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest

from grader.gradebook.markdown import safe_markdown2html

PNG = "iVBORw0KGgo="


def html(source: str, **cell: Any) -> str:
    return safe_markdown2html({"cell": cell}, source)


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<iframe src='https://example.org'></iframe>",
        "<form action='/formgrader/api/grade/1'><button>grade me</button></form>",
        "<style>.score {display: none}</style>",
        "<div style='position:fixed;top:0'>Score: 100</div>",
        "<div id='x' onclick='alert(1)'>x</div>",
        "[x](javascript:alert(1))",
        "[x](java&#115;cript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "<a href=' javascript:alert(1)'>x</a>",
        "[x]\n\n[x]: javascript:alert(1)",
        "![x](https://example.org/track.png)",
        "![x](data:image/svg+xml;base64,PHN2Zz4=)",
        "![x](/formgrader/api/assignments)",
        "<meta http-equiv=refresh content='0;url=https://example.org'>",
        "<math><mtext></p><style><img src=x onerror=alert(1)></style></mtext></math>",
        "$\\href{javascript:alert(1)}{x}$",
        "`x`<script src=//example.org></script>",
        "# heading <img src=x onerror=alert(1)>",
        "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
        "&#36;\\&#104;ref{javascript:alert(1)}{x}&#36;",
        "$&bsol;href{javascript&colon;alert(1)}{x}$ &dollar;&bsol;href{javascript:alert(1)}{x}&dollar;",
        "\\hr<!-- -->ef{javascript:alert(1)}{x}",
        "<details open ontoggle=alert(1)>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
        "<base href=//example.org><a href='//example.org'>x</a>",
        "<object data=x></object><embed src=x><video src=x onerror=alert(1)></video>",
        '![x](attachment:none"onerror=alert(1))',
    ],
)
def test_nothing_that_acts_is_left(attack: str) -> None:
    tags = re.findall(r"<[a-zA-Z/][^>]*>", html(attack))
    assert not [tag for tag in tags if re.match(r"</?(script|svg|iframe|form|button|style|meta|math|input)\b", tag)]
    assert not [tag for tag in tags if re.search(r"\s(on\w+|style|id)=|javascript:|src=|data:", tag)]
    assert "\\href" not in html(attack)


@pytest.mark.parametrize("macro", ["href", "url", "unicode", "class", "cssId", "style", "require", "mmlToken", "bbox"])
@pytest.mark.parametrize("spelling", ["\\{}", "\\\\{}", "&bsol;{}", "&#92;{}", "&#x5C;{}", "\\<!-- -->{}"])
def test_no_macro_of_mathjax_that_acts_is_left_however_it_is_spelt(macro: str, spelling: str) -> None:
    for source in (spelling.format(macro), f"${spelling.format(macro)}{{a}}{{b}}$"):
        page = re.sub("<[^>]*>", "", html(f"{source} and more"))
        assert f"\\{macro}" not in unescape(page)


@pytest.mark.parametrize("name", ["navbar-fixed-top", "modal", "modal-backdrop", "score", "hidden", "n hidden"])
def test_a_class_of_the_page_is_not_a_students_to_use(name: str) -> None:
    assert "class" not in html(f"<div class='{name}'>Score: 100</div>")


def test_code_keeps_its_colours() -> None:
    page = html("```python\nx = 1\n```\n\n```\nplain\n```")
    assert '<div class="highlight">' in page
    assert '<span class="mi">1</span>' in page


@pytest.mark.parametrize(
    "source",
    [
        "![plot](attachment:gone.png) <script>alert(1)</script>",
        "> " * 5_000 + "<script>alert(1)</script>",
        "<script>alert(1)</script>" * 2_000,
        "[" * 20_000,
    ],
    ids=["missing picture", "deep quotes", "long", "brackets"],
)
def test_what_cannot_be_rendered_is_shown_as_it_was_written(source: str) -> None:
    assert "<script" not in html(source)


def test_a_letter_may_be_written_as_an_entity() -> None:
    assert html("&auml; &lt;b&gt; &amp;auml; &copy;") == "<p>ä &lt;b&gt; &amp;auml; ©</p>\n"


def test_what_a_written_answer_needs_is_kept() -> None:
    page = html(
        "**Because** $a<b$, see [the notes](https://example.org/n) and `x < 2`.\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    )
    assert "<strong>Because</strong>" in page
    assert "$a&lt;b$" in page
    assert 'href="https://example.org/n"' in page
    assert "<code>x &lt; 2</code>" in page
    assert "<td>1</td>" in page


def test_a_picture_attached_to_the_cell_is_shown_and_a_foreign_one_is_named_as_left_out() -> None:
    page = html("![plot](attachment:a.png)", attachments={"a.png": {"image/png": PNG}})
    assert f'src="data:image/png;base64,{PNG}"' in page
    assert "[picture left out]" in html("![x](https://example.org/track.png)")


def test_it_takes_the_place_of_nbconverts_filter() -> None:
    from nbconvert.exporters import HTMLExporter
    from nbformat.v4 import new_markdown_cell, new_notebook
    from traitlets.config import Config

    from grader.gradebook import configure

    c = Config()
    configure(c, "/course")
    exporter = HTMLExporter(config=Config(TemplateExporter=c.TemplateExporter))
    cell = new_markdown_cell("<img src=x onerror=alert(1)> [x](javascript:alert(1))")
    page, _ = exporter.from_notebook_node(new_notebook(cells=[cell]))
    assert "onerror" not in page
    assert "javascript:alert" not in page


def test_a_context_without_a_cell_is_no_error() -> None:
    assert safe_markdown2html(SimpleNamespace(get=lambda name, other: other), "x").strip() == "<p>x</p>"
