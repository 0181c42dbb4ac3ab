"""How XML of clients becomes elements with their places, and how answers become XML: SOAP, Metadata and Bulk API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

from emulators.loopback.http import Response

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
XML_TYPE = "text/xml;charset=UTF-8"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
DEEPEST = 100  # elements within elements


class BadXml(Exception):
    """A text that is no well-formed XML of ours, with the place."""

    def __init__(self, problem: str, line: int = 1, column: int = 1) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.column = column


@dataclass(slots=True)
class Node:
    """One element; names without prefix, places counted from 1."""

    tag: str
    line: int
    column: int
    text: str = ""
    children: list[Node] = field(default_factory=list)
    namespace: str = ""
    attributes: dict[str, str] = field(default_factory=dict)  # by local name; values as written

    def all(self, tag: str) -> list[Node]:
        """The children of that name."""
        return [child for child in self.children if child.tag == tag]

    def first(self, tag: str) -> Node | None:
        """The first child of that name."""
        return next((child for child in self.children if child.tag == tag), None)

    def get(self, tag: str, default: str = "") -> str:
        """The text of the first child of that name."""
        found = self.first(tag)
        return default if found is None else found.text.strip()

    @property
    def nil(self) -> bool:
        """Whether it says `xsi:nil`."""
        return self.attributes.get("nil", "").strip() in ("true", "1")

    @property
    def type(self) -> str:
        """The local name in `xsi:type`; empty without one."""
        return self.attributes.get("type", "").rpartition(":")[2].strip()


def parse(body: bytes) -> Node:
    """The root element. BadXml when the text is not well-formed, too deep, or declares a document type."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    stack: list[Node] = [Node("", 1, 1)]
    pieces: list[list[str]] = [[]]

    def start(name: str, attributes: dict[str, str]) -> None:
        namespace, _, tag = name.rpartition(" ")
        local = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        place = (parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)
        if len(stack) > DEEPEST:
            raise BadXml("Error parsing file: elements are nested too deeply", *place)
        node = Node(tag, *place, namespace=namespace, attributes=local)
        stack[-1].children.append(node)
        stack.append(node)
        pieces.append([])

    def end(name: str) -> None:
        stack.pop().text = "".join(pieces.pop())

    def refuse(*_: object) -> None:
        raise BadXml("Error parsing file: DOCTYPE is disallowed", parser.CurrentLineNumber, 1)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = lambda piece: pieces[-1].append(piece)
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError as bad:
        problem = f"Error parsing file: {expat.ErrorString(bad.code)}"
        raise BadXml(problem, bad.lineno, bad.offset + 1) from None
    except (LookupError, ValueError):
        raise BadXml("Error parsing file: unknown encoding") from None
    return stack[0].children[0]


def element(name: str, value: Any) -> str:
    """A JSON-like value as elements: lists repeat the element, None is left out."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "".join(element(name, item) for item in value)
    if isinstance(value, dict):
        return f"<{name}>{''.join(element(key, item) for key, item in value.items())}</{name}>"
    return f"<{name}>{text_of(value)}</{name}>"


def text_of(value: object) -> str:
    """A plain value as the text of an element; characters that XML cannot hold are dropped."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return escape("".join(char for char in text if char >= " " or char in "\t\n\r"))


def enveloped(namespace: str, inner: str, http: int = 200, also: str = "") -> Response:
    """A SOAP 1.1 answer in that default namespace; `also` declares further ones on the envelope."""
    return _envelope(f'xmlns="{namespace}" xmlns:xsi="{INSTANCE}"{also}', inner, http)


def _envelope(declared: str, inner: str, http: int) -> Response:
    text = (
        f'{DECLARATION}<soapenv:Envelope xmlns:soapenv="{ENVELOPE}" {declared}>'
        f"<soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
    )
    return Response(http, text.encode(), {"Content-Type": XML_TYPE})


def faulty(namespace: str, code: str, text: str, detail: str = "") -> Response:
    """A SOAP fault `sf:CODE`, where `sf` is that namespace; always HTTP 500, its parts in no namespace."""
    fault = f"<faultcode>sf:{code}</faultcode><faultstring>{text_of(text)}</faultstring>{detail}"
    return _envelope(f'xmlns:sf="{namespace}"', f"<soapenv:Fault>{fault}</soapenv:Fault>", 500)


__all__ = ["BadXml", "Node", "element", "enveloped", "faulty", "parse", "text_of"]
