"""Layers of a Vega-Lite chart: a line, points, a band or bar from low to high, a criterion.

Each takes the name of its table and its axes (`figures.x_axis`, `figures.y_axis`), and gives plain
data for `figures.layered`.
"""

from collections.abc import Mapping
from typing import Any

from primacy.report.page.figures import MUTED

Channel = Mapping[str, Any]
"""An axis or a look, as Vega-Lite encodes it."""


def layer(data: str | None, mark: Channel, **encoding: Any) -> dict[str, Any]:
    """Any layer; without a name its table is that of the chart around it."""
    own = {} if data is None else {"data": {"name": data}}
    return {**own, "mark": mark, "encoding": encoding}


def line(
    data: str | None, x: Channel, y: Channel, field: str, width: float = 2.4, **more: Any
) -> dict[str, Any]:
    """A column of the table against x. `more` are other channels; `mark`, more of the mark."""
    mark = {"type": "line", "strokeWidth": width, **more.pop("mark", {})}
    return layer(data, mark, x=x, y={**y, "field": field}, **more)


def points(
    data: str | None, x: Channel, y: Channel, field: str, size: int = 90, **more: Any
) -> dict[str, Any]:
    """The same as filled points."""
    mark = {"type": "point", "filled": True, "size": size, "opacity": 1, **more.pop("mark", {})}
    return layer(data, mark, x=x, y={**y, "field": field}, **more)


def band(data: str | None, x: Channel, y: Channel, color: Channel) -> dict[str, Any]:
    """The area between the columns low and high."""
    mark = {"type": "area", "opacity": 0.16, "line": False}
    return _low_to_high(data, mark, x, y, color)


def bars(data: str | None, x: Channel, y: Channel, color: Channel, **mark: Any) -> dict[str, Any]:
    """A bar from low to high for each row."""
    return _low_to_high(data, {"type": "rule", "strokeWidth": 2, **mark}, x, y, color)


def _low_to_high(
    data: str | None, mark: Channel, x: Channel, y: Channel, color: Channel
) -> dict[str, Any]:
    return layer(data, mark, x=x, y={**y, "field": "low"}, y2={"field": "high"}, color=color)


def criteria() -> dict[str, Any]:
    """A dashed line across at each level of the table `criteria`."""
    mark = {"type": "rule", "strokeDash": [5, 4], "color": MUTED}
    return layer("criteria", mark, y={"field": "level", "type": "quantitative"})
