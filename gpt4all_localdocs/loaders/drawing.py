"""DrawingML, which Office's slides and figures are made of: paragraphs, tables, charts and SmartArt as text.

Markup: ECMA-376 part 1, section 21 (DrawingML).
"""

from collections.abc import Callable

from gpt4all_localdocs.loaders.office_package import relationship_id
from gpt4all_localdocs.loaders.safe_xml import Element, attribute, child, descendants, local_name

_IS_TRUE = frozenset({"1", "true", "on"})


def paragraphs(body: Element) -> list[str]:
    """The paragraphs of a text body that hold text; line breaks inside them stay."""
    texts = ("".join(_characters(paragraph)) for paragraph in descendants(body, "p"))
    return [text.strip() for text in texts if text.strip()]


def _characters(paragraph: Element) -> list[str]:
    found = []
    for run in paragraph:
        name = local_name(run)
        if name == "br":
            found.append("\n")
        elif name == "fld" and attribute(run, "type") == "slidenum":
            continue
        elif name != "pPr":
            found += [text.text or "" for text in descendants(run, "t")]
    return found


def graphic_rows(content: Element, parse: Callable[[str], Element | None]) -> list[list[str]]:
    """What stands in a frame, as rows: of a table, a chart or, one text a row, a SmartArt diagram.

    parse: the root element of the part that a relationship id names, if it is there.
    Empty for anything else.
    """
    match local_name(content):
        case "tbl":
            return table_rows(content)
        case "chart":
            chart = parse(relationship_id(content))
            return [] if chart is None else chart_rows(chart)
        case "relIds":
            data_model = parse(relationship_id(content, "dm"))
            return [] if data_model is None else [[line] for line in diagram_lines(data_model)]
    return []


def table_rows(table: Element) -> list[list[str]]:
    """The rows of a table; what is merged into the cell to its left is left out, as in Word's tables."""
    return [
        [
            " ".join(" ".join(paragraphs(cell)).split())
            for cell in row
            if local_name(cell) == "tc" and attribute(cell, "hMerge") not in _IS_TRUE
        ]
        for row in table
        if local_name(row) == "tr"
    ]


def chart_rows(chart_space: Element) -> list[list[str]]:
    """A chart as a table: titles of it and of its axes, then a row of the series' names, then the values.

    The values are those that the chart keeps of its data, as text.
    """
    rows = [[" ".join(paragraphs(title))] for title in descendants(chart_space, "title")]
    series = list(descendants(chart_space, "ser"))
    names = [" ".join(_points(child(one, "tx")).values()) for one in series]
    values = [_points(_first(one, "val", "yVal")) for one in series]
    labels: dict[int, str] = {}
    for one in series:
        labels = _points(_first(one, "cat", "xVal")) | labels
    if any(names):
        rows.append(["", *names])
    positions = sorted(set(labels).union(*values))
    return rows + [
        [labels.get(index, ""), *(points.get(index, "") for points in values)] for index in positions
    ]


def chart_names(chart_space: Element) -> list[str]:
    """The titles of a chart and of its axes, and its series' names."""
    titles = [" ".join(paragraphs(title)) for title in descendants(chart_space, "title")]
    series = [" ".join(_points(child(one, "tx")).values()) for one in descendants(chart_space, "ser")]
    return [*titles, *series]


def _first(element: Element, *names: str) -> Element | None:
    found = (child(element, name) for name in names)
    return next((inner for inner in found if inner is not None), None)


def _points(source: Element | None) -> dict[int, str]:
    """Values by position; several levels of labels are joined, the outermost last."""
    points: dict[int, str] = {}
    for index, value in enumerate([] if source is None else descendants(source, "v")):
        position = attribute(value.getparent(), "idx")
        key = int(position) if position.isdecimal() and len(position) < 10 else index
        text = " ".join((value.text or "").split())
        points[key] = f"{points[key]}, {text}" if key in points else text
    return points


def diagram_lines(data_model: Element) -> list[str]:
    """The texts of a SmartArt diagram, in the order in which its points are listed."""
    return [" ".join(line.split()) for point in descendants(data_model, "pt") for line in paragraphs(point)]
