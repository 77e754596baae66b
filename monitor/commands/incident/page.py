"""A Document to one HTML file: no script, nothing fetched, everything that was named by others escaped."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from monitor.commands.incident.document import Attachment, Document, Figure
from monitor.commands.incident.drawing import svg

TEMPLATE: Final = "incident.html.j2"


def write(document: Document, file: Path) -> None:
    """Write the report. Raises OSError."""
    file.write_text(html(document), encoding="utf-8")


def html(document: Document) -> str:
    """The report as HTML."""
    environment = Environment(
        loader=PackageLoader("monitor.commands.incident", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(drawn=_drawn, link_of=_link)
    return environment.get_template(TEMPLATE).render(document=document)


def _drawn(figure: Figure, name: str) -> Markup:
    """The figure's SVG, which escapes its own texts."""
    return Markup(svg(figure.chart, figure.title, figure.text, name=name))  # noqa: S704 - drawing.py escapes


def _link(one: Attachment) -> str:
    return f"data:{one.media};base64,{base64.b64encode(one.content).decode()}"
