"""How a recording is played: what it presupposes is made, calls are sent with ids renamed, answers are compared."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from emulators.loopback.http import Call, Response
from emulators.replay.recordings import Exchange
from emulators.replay.shapes import Difference, differences, renamed
from emulators.salesforce.xml_text import Node, parse


class Stage(Protocol):
    """A fresh emulator for one recording."""

    names: dict[str, str]  # recorded id -> emulated id, filled as ids appear
    compared: tuple[str, ...]  # headers, in lower case, that must be there when they were recorded

    def foreign(self, exchange: Exchange) -> str:
        """Why this exchange concerns nothing that is emulated; empty when it does."""

    def prepare(self, exchange: Exchange) -> None:
        """Make what the exchange presupposes."""

    def headers(self, exchange: Exchange) -> dict[str, str]:
        """Of the call."""

    def send(self, call: Call) -> Response:
        """The emulator's answer."""

    def learn(self, exchange: Exchange, emulated: Any) -> None:
        """Which emulated ids stand for the recorded ones."""

    def explained(self, exchange: Exchange, difference: Difference) -> str:
        """Why the two differ there and may; empty when nothing explains it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference with the call that showed it and its explanation, if it has one."""

    call: str  # method and path
    difference: Difference
    why: str


@dataclass(slots=True)
class Report:
    """What the exchanges of one vendor have shown."""

    name: str
    recorded: int = 0
    played: int = 0
    alike: int = 0  # played without any difference
    foreign: Counter[str] = field(default_factory=Counter)  # why they were not played -> how many
    findings: Counter[Finding] = field(default_factory=Counter)

    @property
    def unexplained(self) -> list[Finding]:
        """The differences that nothing explains."""
        return [each for each in self.findings if not each.why]

    def told(self) -> str:
        """Shares, then what was not played, then every difference."""
        emulated = self.recorded - sum(self.foreign.values())
        lines = [
            f"{self.name}: {self.recorded} exchanges recorded, {emulated} of them concern what is emulated",
            f"  played {self.played} of {emulated} ({self.played / max(1, emulated):.1%}), {self.alike} alike in all,"
            f" {self.played - self.alike} with differences, {len(self.unexplained)} kinds of difference unexplained",
        ]
        lines += [f"  not emulated: {count} {why}" for why, count in sorted(self.foreign.items())]
        by_why: dict[str, Counter[str]] = {}
        for each, count in self.findings.items():
            here = each.difference
            said = f"{here.path} {here.kind}: {here.recorded or '-'} -> {here.emulated or '-'}"
            by_why.setdefault(each.why or f"UNEXPLAINED {each.call}", Counter())[said] += count
        for why, said_ in sorted(by_why.items()):
            lines.append(f"  {why}: {sum(said_.values())} times in {len(said_)} places")
            lines += [f"    {count} x {text}" for text, count in sorted(said_.items())[:_SHOWN]]
            lines += [f"    and {len(said_) - _SHOWN} more"] if len(said_) > _SHOWN else []
        return "\n".join(lines)


_SHOWN = 12


def play(stage: Stage, exchanges: Sequence[Exchange], report: Report, pattern: Any) -> None:
    """Play one recording and add what it shows to the report."""
    for exchange in exchanges:
        report.recorded += 1
        why = stage.foreign(exchange)
        if why:
            report.foreign[why] += 1
            continue
        stage.prepare(exchange)
        response = stage.send(_call(stage, exchange))
        emulated = parsed(response)
        stage.learn(exchange, emulated)
        report.played += 1
        found = list(_compared(stage, exchange, response, emulated))
        report.alike += not found
        for each in found:
            call = f"{exchange.method} {pattern(exchange.path)}"
            report.findings[Finding(call, each, stage.explained(exchange, each))] += 1


def parsed(response: Response) -> Any:
    """The body: JSON, or text, or None."""
    if not response.body:
        return None
    if "json" in response.headers.get("Content-Type", ""):
        return json.loads(response.body)
    text = response.body.decode()
    return xml_tree(text) or text


def xml_tree(body: Any) -> Any:
    """An XML text as nested objects, that shapes can be compared: an element's text, its children, null for nil.

    None for anything else.
    """
    if not isinstance(body, str) or not body.startswith("<?xml"):
        return None
    root = parse(body.encode())
    return {root.tag: _tree(root)}


def _tree(node: Node) -> Any:
    if node.nil:
        return None
    if not node.children:
        return node.text
    tags = dict.fromkeys(child.tag for child in node.children)
    found = {tag: [_tree(child) for child in node.all(tag)] for tag in tags}
    return {tag: trees[0] if len(trees) == 1 else trees for tag, trees in found.items()}


def _call(stage: Stage, exchange: Exchange) -> Call:
    body = renamed(exchange.request, stage.names)
    sent = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    target = renamed(exchange.target, stage.names)
    return Call(exchange.method, target, stage.headers(exchange), sent)


def _compared(stage: Stage, exchange: Exchange, response: Response, emulated: Any) -> Iterator[Difference]:
    if exchange.status != response.status:
        yield Difference("", "status", str(exchange.status), str(response.status))
        return
    yield from _headers(stage, exchange, response)
    yield from differences(xml_tree(exchange.response) or exchange.response, emulated, stage.names)


def _headers(stage: Stage, exchange: Exchange, response: Response) -> Iterator[Difference]:
    sent = {name.lower(): value for name, value in response.headers.items()}
    for name in stage.compared:
        if name in exchange.headers and name not in sent:
            yield Difference(name, "header", "there", "")
        if name not in exchange.headers and name in sent:
            yield Difference(name, "header", "", "there")
    kinds = [_media(each.get("content-type", "")) for each in (exchange.headers, sent)]
    if kinds[0] and kinds[0] != kinds[1]:
        yield Difference("content-type", "header", *kinds)


def _media(text: str) -> str:
    return text.replace(" ", "").lower()
