"""What a page of HTML would do: its elements that act, and the attributes that do."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

ACTIVE = frozenset(
    "script style iframe frame object embed applet form input button select textarea svg math link meta base video audio "
    "source track template dialog portal noscript".split()
)
ADDRESSES = ("href", "src", "srcset", "action", "formaction", "data", "xlink:href", "poster", "background")
HARMLESS = ("http://", "https://", "mailto:", "#", "/", "data:image/png;base64,", "data:image/jpeg;base64,")


class Page(HTMLParser):
    """Counts what acts in a page; two pages that differ only in text count alike."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.active: Counter[str] = Counter()
        self.bad: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ACTIVE:
            self.active[tag] += 1
        for name, value in attrs:
            if name.startswith("on") or name == "srcdoc":
                self.active[f"{tag} {name}"] += 1
            address = "".join((value or "").split()).lower()
            if name in ADDRESSES and address and not address.startswith(HARMLESS):
                self.bad.append(f"{tag} {name}={address[:80]}")

    handle_startendtag = handle_starttag
