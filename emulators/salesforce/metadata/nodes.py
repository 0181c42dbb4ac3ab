"""How metadata is written: elements built, put into the vendor's order, kept as JSON and printed as files."""

from __future__ import annotations

from typing import Any

from emulators.salesforce.metadata.xml import NAMESPACE
from emulators.salesforce.xml_text import DECLARATION, Node, text_of


def make(tag: str, *inner: Node | str | bool | float | None) -> Node:
    """An element of a text, or of children; None is left out."""
    children = [child for child in inner if isinstance(child, Node)]
    texts = [_plain(value) for value in inner if value is not None and not isinstance(value, Node)]
    return Node(tag, 1, 1, "".join(texts), children)


def _plain(value: str | bool | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def optional(tag: str, value: str | None) -> list[Node]:
    """The element, or nothing for an empty value."""
    return [make(tag, value)] if value else []


def named(node: Node, name: str) -> Node:
    """The same element with another fullName, or none for an empty one."""
    rest = [child for child in node.children if child.tag != "fullName"]
    return Node(node.tag, node.line, node.column, node.text, [*optional("fullName", name), *rest], node.namespace)


def ordered(node: Node) -> Node:
    """Children as the vendor writes them: fullName first, then by name; equal names stay as they come."""
    children = sorted(node.children, key=lambda child: (child.tag != "fullName", child.tag.lower()))
    return Node(node.tag, node.line, node.column, node.text, children, node.namespace)


def as_json(node: Node) -> list[Any]:
    """An element as `[tag, text, children]`."""
    return [node.tag, "" if node.children else node.text, [as_json(child) for child in node.children]]


def from_json(body: list[Any]) -> Node:
    """What `as_json` told."""
    tag, text, children = body
    return Node(tag, 1, 1, text, [from_json(child) for child in children])


def inline(node: Node) -> str:
    """An element without spaces between its parts, for SOAP answers."""
    if not node.children:
        return f"<{node.tag}>{text_of(node.text)}</{node.tag}>"
    return f"<{node.tag}>{''.join(map(inline, node.children))}</{node.tag}>"


def file_of(kind: str, node: Node) -> bytes:
    """A metadata file: the element under that root, four spaces a level."""
    inner = "".join(_lines(child, 1) for child in node.children)
    return f'{DECLARATION}\n<{kind} xmlns="{NAMESPACE}">\n{inner}</{kind}>\n'.encode()


def _lines(node: Node, depth: int) -> str:
    space = "    " * depth
    if not node.children:
        return f"{space}<{node.tag}>{text_of(node.text)}</{node.tag}>\n"
    inner = "".join(_lines(child, depth + 1) for child in node.children)
    return f"{space}<{node.tag}>\n{inner}{space}</{node.tag}>\n"
