"""Drawings from a record, made safe to stand inside the page: known elements and attributes only, nothing that loads."""

from __future__ import annotations

import re
from html import escape
from xml.etree import ElementTree

from gradproof.oracles.draw import STYLE

_ELEMENTS = {"svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "title"}
_ELEMENTS |= {"desc", "style", "defs", "marker", "linearGradient", "stop", "clipPath"}
_NAMES = (
    "aria-label class clip-path cx cy d dominant-baseline dx dy fill fill-opacity font-family font-size font-style "
    "font-weight gradientUnits height id letter-spacing lengthAdjust marker-end markerHeight markerUnits markerWidth "
    "offset opacity orient points preserveAspectRatio r refX refY role rx ry stop-color stop-opacity stroke "
    "stroke-dasharray stroke-linecap stroke-linejoin stroke-opacity stroke-width style text-anchor textLength transform "
    "viewBox width x x1 x2 y y1 y2"
)
_ATTRIBUTES = set(_NAMES.split())
_LOADS = re.compile(r"url\s*\((?!\s*['\"]?#)|@import|image-set|\\", re.IGNORECASE)


def safe_svg(text: str) -> str:
    """The drawing without what a page must not hold, or "" if it is not a drawing at all.

    The style that every drawing of a graph carries is left out: the page has it once.

    >>> safe_svg('<svg width="9" onload="x()"><script>x()</script><path d="M0 0"/></svg>')
    '<svg width="9"><path d="M0 0"/></svg>'
    """
    if "<!" in text:
        return ""
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return ""
    return _element(root) if _local(root.tag) == "svg" else ""


def _element(element: ElementTree.Element) -> str:
    name = _local(element.tag)
    content = element.text or ""
    if name not in _ELEMENTS or (name == "style" and (content == STYLE or _LOADS.search(content))):
        return ""
    attributes = "".join(
        f' {key}="{escape(value)}"' for key, value in element.items() if key in _ATTRIBUTES and not _LOADS.search(value)
    )
    if element.get("{http://www.w3.org/XML/1998/namespace}space") == "preserve":
        attributes += ' xml:space="preserve"'
    inner = escape(content, quote=False)
    inner += "".join(_element(child) + escape(child.tail or "", quote=False) for child in element)
    return f"<{name}{attributes}>{inner}</{name}>" if inner else f"<{name}{attributes}/>"


def _local(tag: object) -> str:
    return str(tag).removeprefix("{http://www.w3.org/2000/svg}")
