"""What was done to pipelines and their stages, newest first ("Return an audit of all changes to the pipeline")."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulators.hubspot.router import Response, json_response

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

DDL = """
CREATE TABLE IF NOT EXISTS pipeline_audit (
  number INTEGER PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL, is_stage INTEGER NOT NULL, action TEXT NOT NULL,
  at TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS pipeline_audit_of ON pipeline_audit (type, id);
"""
_Body = Mapping[str, Any]


def note(portal: Portal, type_id: str, before: _Body | None, after: _Body | None) -> None:
    """Keep what differs between a pipeline and what it becomes; None: it is not there."""
    _note_one(portal, type_id, before, after, is_stage=False)
    old = {stage["id"]: stage for stage in (before or {}).get("stages", ())}
    new = {stage["id"]: stage for stage in (after or {}).get("stages", ())}
    for stage_id in dict.fromkeys((*old, *new)):
        _note_one(portal, type_id, old.get(stage_id), new.get(stage_id), is_stage=True)


def answer(portal: Portal, type_id: str, one_id: str, *, is_stage: bool) -> Response:
    """The audit of a pipeline or stage; empty for one that never changed, and for one that never was."""
    rows = portal.connection.execute(
        "SELECT id, action, at, body FROM pipeline_audit WHERE type = ? AND id = ? AND is_stage = ?"
        " ORDER BY number DESC",
        (type_id, one_id, int(is_stage)),
    )
    settings = portal.settings
    return json_response(
        {
            "results": [
                {
                    "portalId": settings.portal_id,
                    "identifier": known_id,
                    "action": action,
                    "timestamp": at,
                    "message": f"{'Stage' if is_stage else 'Pipeline'} {known_id}: {action}",
                    "rawObject": json.loads(body),
                    "fromUserId": settings.user_id,
                }
                for known_id, action, at, body in rows
            ]
        }
    )


def _note_one(portal: Portal, type_id: str, before: _Body | None, after: _Body | None, *, is_stage: bool) -> None:
    if before == after:
        return
    action = "CREATE" if before is None else "DELETE" if after is None else "UPDATE"
    body = after if after is not None else before
    assert body is not None
    row = (type_id, body["id"], int(is_stage), action, portal.now_text(), json.dumps(body))
    text = "INSERT INTO pipeline_audit (type, id, is_stage, action, at, body) VALUES (?, ?, ?, ?, ?, ?)"
    portal.connection.execute(text, row)
