"""A page taken apart, and failures to put on one."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

from gradproof.oracles.verdict import Kind
from gradproof.reports.record import Failure


class Page(HTMLParser):
    """The elements of a page, its text outside scripts and styles, and the data in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.scripts: list[str] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._in = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._in:
            self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "script":
            self.scripts[-1] += data
        elif not self._in:
            self.words += data

    @property
    def data(self) -> dict[str, Any]:
        return dict(json.loads(self.scripts[0]))


def failure(number: int, size: int = 0) -> Failure:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>{"x" * size}</text></svg>'
    return Failure(
        id=f"f{number}",
        engine="torch",
        verdict=Kind.WRONG,
        property="vjp",
        op="sin",
        dtype="float64",
        blame="sin",
        svg=svg,
        message="m" * size,
        pretty="p" * size,
        case={"data": "d" * size},
        replay="gradproof replay f.json",
    )
