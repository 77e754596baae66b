"""Strict YAML: text to plain data with the line of every value, and none of YAML 1.1's surprises."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

LARGEST_BYTES = 1 << 20
DEEPEST = 20
KeyPath = tuple[str | int, ...]

_YES_NO = re.compile(r"y|n|yes|no|on|off", re.IGNORECASE)
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_OCTAL = re.compile(r"[-+]?0[0-9_]+|[-+]?0[bx][0-9A-Fa-f_]+")
_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE, _FALSE = re.compile(r"true|True|TRUE"), re.compile(r"false|False|FALSE")
_INT, _FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})"), re.compile(r"[-+]?[0-9]{1,17}\.[0-9]{1,17}")


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing in the text that is refused: where (key path), its line from 1, and what to write instead."""

    path: KeyPath
    line: int
    allowed: str


@dataclass(slots=True)
class Document:
    """Plain data (dict, list, str, int, float, bool, None), the line of each path, and every flaw found."""

    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)

    def line_of(self, path: KeyPath) -> int:
        """Line of the value at `path`, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _RefusedError(Exception):
    """The composer met something that is refused; reading ends there."""

    def __init__(self, mark: yaml.Mark, allowed: str) -> None:
        super().__init__(allowed)
        self.flaw = Flaw((), mark.line + 1, allowed)


class _Composer(yaml.SafeLoader):
    """Builds the node tree; refuses aliases, anchors, tags and depth before they can cost anything."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _RefusedError(event.start_mark, "anchors (&) and aliases (*) are not allowed")
        if getattr(event, "tag", None) is not None:
            raise _RefusedError(event.start_mark, "tags (!) are not allowed")
        if self.depth >= DEEPEST:
            raise _RefusedError(event.start_mark, f"nesting deeper than {DEEPEST} is not allowed")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def read(content: bytes) -> Document:
    """Read one YAML document. Never raises: what is refused is in `flaws`, and `data` is what could be read."""
    if len(content) > LARGEST_BYTES:
        return Document(flaws=[Flaw((), 1, f"a file of at most {LARGEST_BYTES} bytes is needed")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Document(flaws=[Flaw((), line, "UTF-8 text is needed")])
    try:
        node = yaml.compose(text, Loader=_Composer)
    except _RefusedError as refused:
        return Document(flaws=[refused.flaw])
    except yaml.YAMLError as error:
        return Document(flaws=[_syntax_flaw(error, text)])
    document = Document()
    if node is not None:
        document.data = _convert(node, (), document)
    return document


def _syntax_flaw(error: yaml.YAMLError, text: str) -> Flaw:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        words = error.problem or error.context or "syntax error"
        if "another document" in words:
            words = "one document is needed, and another begins here"
        return Flaw((), mark.line + 1 if mark else 1, f"not valid YAML: {' '.join(words.split())}")
    position = getattr(error, "position", 0)
    return Flaw((), text.count("\n", 0, position) + 1, "not valid YAML: a control character is not allowed")


def _convert(node: yaml.Node, path: KeyPath, document: Document) -> Any:
    document.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_convert(item, (*path, index), document) for index, item in enumerate(node.value)]
    return _scalar(node, path, document)


def _mapping(node: yaml.MappingNode, path: KeyPath, document: Document) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.flaws.append(Flaw(path, line, "a key must be a plain word"))
            continue
        key = key_node.value
        here = (*path, key)
        if key in result:
            document.flaws.append(Flaw(here, line, f"the key is there already, in line {document.line_of(here)}"))
            continue
        document.lines[here] = line
        result[key] = _convert(value_node, here, document)
    return result


def _scalar(node: yaml.Node, path: KeyPath, document: Document) -> Any:
    text: str = node.value
    if getattr(node, "style", None) is not None:  # quoted or block text is text
        return text
    surprise = _surprise(text)
    if surprise:
        document.flaws.append(Flaw(path, node.start_mark.line + 1, surprise))
        return text
    return _plain(text)


def _surprise(text: str) -> str | None:
    """What to write instead of an unquoted word that YAML 1.1 would silently turn into something else."""
    if _YES_NO.fullmatch(text):
        return f"write true or false, or '{text}' in quotes when the text is meant"
    if _BASE_60.fullmatch(text):
        return f"write '{text}' in quotes: unquoted it is a number to base 60"
    if _OCTAL.fullmatch(text):
        return f"write '{text}' in quotes, or a decimal number without leading zero"
    return None


def _plain(text: str) -> Any:
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
