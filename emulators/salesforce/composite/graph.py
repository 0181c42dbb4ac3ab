"""What composite/graph answers: up to 75 graphs of calls, each carried out as a whole or not at all.

Source: "Composite Graph", "Using Composite Graphs" and "Composite Graph Limits" of the REST API guide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from emulators.salesforce.composite.composite import check_headers, check_names, subrequests
from emulators.salesforce.composite.subrequests import Calls, halted, references, undo_when_failed
from emulators.salesforce.errors import ApiError
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, json_response

MAX_GRAPHS, MAX_NODES, MAX_DEPTH, MAX_KINDS, MAX_FAILURES = 75, 500, 15, 15, 14
_NODE = re.compile(r"/services/data/(v\d+\.\d)/sobjects/([^/?]+)(?:/([^/?]+)(?:/([^/?]+))?)?/?(?:\?.*)?\Z")
_WITH_ID, _WITH_KEY = frozenset({"GET", "PATCH", "DELETE"}), frozenset({"GET", "PATCH", "DELETE", "POST"})
_STOPPED = "Processing was halted because too many graphs of this request have failed."
Node = dict[str, Any]


def routes(router: Router) -> None:
    """composite/graph, from version 50."""

    def graph(request: Request, org: Org) -> Response:
        return _graphs(router, request, org)

    router.add("POST", "/services/data/{version}/composite/graph", graph, since=50)


def _graphs(router: Router, request: Request, org: Org) -> Response:
    graphs = _read(request)
    answers: list[dict[str, Any]] = []
    failures = 0
    for graph_id, nodes in graphs:
        if failures > MAX_FAILURES:
            results, good = [halted(node, _STOPPED) for node in nodes], False
        else:
            results, good = _one(router, request, org, nodes)
        failures += not good
        response = {"compositeResponse": results}
        answers.append({"graphId": graph_id, "graphResponse": response, "isSuccessful": good})
    return json_response({"graphs": answers})


def _one(router: Router, request: Request, org: Org, nodes: list[Node]) -> tuple[list[dict[str, Any]], bool]:
    calls = Calls(router, request, org)
    return undo_when_failed(org, lambda: calls.each(nodes))


def _read(request: Request) -> list[tuple[str, list[Node]]]:
    body = request.json()
    graphs = body.get("graphs") if isinstance(body, dict) else None
    if not isinstance(graphs, list) or not graphs or not all(isinstance(graph, dict) for graph in graphs):
        raise ApiError("JSON_PARSER_ERROR", "The request must contain a list graphs")
    if len(graphs) > MAX_GRAPHS:
        raise ApiError("LIMIT_EXCEEDED", f"The number of graphs in one payload is limited to {MAX_GRAPHS}")
    names = [graph.get("graphId") for graph in graphs]
    if not all(isinstance(name, str) and name for name in names) or len(set(map(str, names))) < len(names):
        raise ApiError("INVALID_INPUT", "Each graph needs a graphId of its own")
    found = [(str(graph["graphId"]), _nodes(graph, request.version)) for graph in graphs]
    _check_payload([nodes for _, nodes in found])
    return found


def _nodes(graph: Mapping[str, Any], version: str) -> list[Node]:
    nodes = subrequests(graph, "compositeRequest")
    check_names(nodes, version)
    check_headers(nodes)
    for node in nodes:
        _check_resource(node)
    if _depth(nodes) > MAX_DEPTH:
        raise ApiError("LIMIT_EXCEEDED", f"The depth of a graph is limited to {MAX_DEPTH}")
    return nodes


def _check_resource(node: Node) -> None:
    found = _NODE.match(str(node["url"]))
    method = str(node["method"]).upper()
    if found is not None:
        allowed = _WITH_KEY if found[4] else _WITH_ID if found[3] else frozenset({"POST"})
        if method in allowed:
            return
    text = f"The URL and method of node {node['referenceId']} are not supported in a graph: {method} {node['url']}"
    raise ApiError("INVALID_INPUT", text)


def _check_payload(graphs: list[list[Node]]) -> None:
    if sum(map(len, graphs)) > MAX_NODES:
        raise ApiError("LIMIT_EXCEEDED", f"The number of nodes in one payload is limited to {MAX_NODES}")
    matches = [_NODE.match(str(node["url"])) for nodes in graphs for node in nodes]
    kinds = {(found[1], found[2].lower()) for found in matches if found is not None}
    if len(kinds) > MAX_KINDS:
        raise ApiError("LIMIT_EXCEEDED", f"The number of different nodes in one payload is limited to {MAX_KINDS}")


def _depth(nodes: list[Node]) -> int:
    """How many nodes the longest chain of references has; nodes refer to earlier ones."""
    depths: dict[str, int] = {}
    for node in nodes:
        used = references(node.get("body")) | references(node["url"])
        depths[str(node["referenceId"])] = 1 + max((depths.get(name, 0) for name in used), default=0)
    return max(depths.values(), default=0)
