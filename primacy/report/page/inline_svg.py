"""What stands inside the page: drawings with nothing foreign in them, CSV links, a JSON block."""

import base64
import csv
import dataclasses
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import polars as pl
from markupsafe import Markup

from primacy.analysis.verdicts import Verdict
from primacy.records.study import StudyRecord
from primacy.report.page.figures import visible

SVG = "http://www.w3.org/2000/svg"
SHAPES = frozenset(
    f"{{{SVG}}}{tag}"
    for tag in ("svg", "g", "path", "line", "rect", "circle", "text", "tspan", "defs", "clipPath")
)
KEPT = frozenset(
    (
        "d",
        "x",
        "y",
        "x1",
        "x2",
        "y1",
        "y2",
        "cx",
        "cy",
        "r",
        "width",
        "height",
        "viewBox",
        "transform",
        "fill",
        "stroke",
        "stroke-width",
        "fill-opacity",
        "stroke-opacity",
        "opacity",
        "stroke-dasharray",
        "stroke-linecap",
        "stroke-linejoin",
        "stroke-miterlimit",
        "text-anchor",
        "font-size",
        "font-weight",
        "font-style",
        "clip-path",
        "id",
    )
)
"""Attributes of a drawing that the page takes over: no style, no script, no reference outside."""


Looks = Mapping[str, tuple[str, tuple[int, ...]]]
"""Color and dash by feature."""


def inline(svg: str, name: str, label: str, looks: Looks | None = None) -> str:
    """A drawing made to stand in a page: only known attributes, ids of its own, read as `label`.

    With `looks`, what is drawn of a feature has its position among them as `data-feature`.

    Raises:
        ValueError: it holds something else than shapes and text.
    """
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        if element.tag not in SHAPES:
            raise ValueError(f"a drawing holds {element.tag}")
        for key, value in list(element.attrib.items()):
            if key not in KEPT:
                del element.attrib[key]
            elif key == "id":
                element.set(key, f"{name}-{value}")
            elif value.startswith("url(#"):
                element.set(key, value.replace("url(#", f"url(#{name}-"))
    _prune(root)
    _widen(root)
    for element in root.iter():
        if (place := _feature(element, looks or {})) is not None:
            element.set("data-feature", str(place))
    root.attrib |= {"class": "chart", "role": "img", "aria-label": visible(label)}
    return ElementTree.tostring(root, encoding="unicode")


def _feature(element: ElementTree.Element, looks: Looks) -> int | None:
    """Whose color, and dash if it is a line, an element has; None: nobody's, or several's."""
    colors = {element.get("stroke"), element.get("fill")}
    found = [i for i, (color, _) in enumerate(looks.values()) if color in colors]
    if len(found) > 1:
        dash = element.get("stroke-dasharray", "").split(",")
        own = tuple(int(x) for x in dash if x not in ("", "1", "0"))
        found = [i for i in found if list(looks.values())[i][1] == own]
    return found[0] if len(found) == 1 else None


ROOM = 48
"""Pixels to the right of a drawing for names that a reader's font sets wider than ours."""


def _widen(root: ElementTree.Element) -> None:
    x, y, width, height = (float(v) for v in root.get("viewBox", "0 0 0 0").split())
    root.set("viewBox", f"{x:g} {y:g} {width + ROOM:g} {height:g}")
    root.set("width", f"{width + ROOM:g}")


def _prune(element: ElementTree.Element) -> None:
    """Remove what draws nothing: Vega leaves hundreds of empty paths and groups."""
    for child in list(element):
        _prune(child)
        empty = child.tag == f"{{{SVG}}}path" and child.get("d") in ("", "M0,0h0v0h0Z")
        if empty or (child.tag == f"{{{SVG}}}g" and not len(child)):
            element.remove(child)


def csv_link(frame: pl.DataFrame) -> Markup:
    """A link target that holds the table as CSV; no spreadsheet takes a name for a formula."""

    def guarded(value: Any) -> Any:
        text = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
        return f"'{value}" if text else f"{value:.6g}" if isinstance(value, float) else value

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([guarded(c) for c in frame.columns])
    writer.writerows([guarded(v) for v in row] for row in frame.iter_rows())
    encoded = base64.b64encode(out.getvalue().encode()).decode()
    return Markup(f"data:text/csv;charset=utf-8;base64,{encoded}")


def json_block(
    record: StudyRecord, verdicts: Sequence[Verdict], provenance: Mapping[str, Any]
) -> str:
    """Study and verdicts for programs, as JSON text that cannot end the script element."""
    content = {
        "study": record.name,
        "hash": str(provenance.get("hash") or record.study_hash),
        "complete": bool(provenance.get("complete", True)),
        "seeds": len(record.seeds),
        "conditions": [
            {
                "name": c.name,
                "key": c.key,
                "factors": c.factors,
                "features": [f.name for f in c.features if f.null_of is None],
            }
            for c in record.conditions
        ],
        "verdicts": [dataclasses.asdict(v) for v in verdicts],
    }
    return safe_json(content)


def safe_json(content: Mapping[str, Any]) -> str:
    """JSON text that cannot end the script element in which it stands."""
    # JSON escapes what is not ASCII, so U+2028 and U+2029 too; only markup is left to escape.
    text = json.dumps(_finite(content), allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _finite(thing: Any) -> Any:
    """The same with null for numbers that JSON does not know: an interval may run to infinity."""
    if isinstance(thing, float):
        return thing if math.isfinite(thing) else None
    if isinstance(thing, Mapping):
        return {key: _finite(value) for key, value in thing.items()}
    return [_finite(v) for v in thing] if isinstance(thing, list | tuple) else thing
