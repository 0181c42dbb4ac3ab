"""Packages of the Metadata API as people zip them, and a caller that deploys them."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from emulators.salesforce.metadata.xml import NAMESPACE
from emulators.salesforce.org import Org

SCORE = (
    "<fields><fullName>Score__c</fullName><label>Score</label><type>Number</type><precision>5</precision>"
    "<scale>1</scale><description>How good</description></fields>"
)
GRANT = (
    "<fieldPermissions><field>Account.Score__c</field><readable>true</readable>"
    "<editable>{}</editable></fieldPermissions>"
)


def xml(root: str, *inner: str) -> str:
    body = "\n".join(inner)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">\n{body}\n</{root}>\n'


def manifest(**members: list[str]) -> str:
    types = "".join(
        f"<types>{''.join(f'<members>{m}</members>' for m in names)}<name>{kind}</name></types>"
        for kind, names in members.items()
    )
    return xml("Package", types, "<version>67.0</version>")


def permission_set(*inner: str) -> str:
    return xml("PermissionSet", "<label>Writers</label>", *inner)


def zipped(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def start(call: Any, files: dict[str, str] | bytes, **options: Any) -> Any:
    body = files if isinstance(files, bytes) else zipped(files)
    head = json.dumps({"deployOptions": options}).encode()
    payload = (
        b'--xyz\r\nContent-Disposition: form-data; name="json"\r\nContent-Type: application/json\r\n\r\n' + head
        + b'\r\n--xyz\r\nContent-Disposition: form-data; name="file"; filename="deploy.zip"\r\n'
        + b"Content-Type: application/zip\r\n\r\n" + body + b"\r\n--xyz--\r\n"
    )  # fmt: skip
    kind = {"Content-Type": "multipart/form-data; boundary=xyz"}
    answer = call("POST", "metadata/deployRequest", payload, kind)
    assert answer.status == 201, answer.body
    return json.loads(answer.body)


def finish(call: Any, id_: str) -> Any:
    for _ in range(10):
        seen = call.json("GET", f"metadata/deployRequest/{id_}?includeDetails=true")["deployResult"]
        if seen["done"]:
            return seen
    raise AssertionError(seen)


def deploy(call: Any, files: dict[str, str], **options: Any) -> Any:
    return finish(call, start(call, files, **options)["id"])


def fields_file(*fields: str) -> dict[str, str]:
    return {
        "package.xml": manifest(CustomObject=["Account"]),
        "objects/Account.object": xml("CustomObject", *fields),
    }


def failures(result: Any) -> list[tuple[str, str]]:
    return [(item["fullName"], item["problem"]) for item in result["details"]["componentFailures"]]


def whole() -> dict[str, str]:
    return {
        "package.xml": manifest(CustomField=["Account.Score__c"], PermissionSet=["Writers"]),
        "objects/Account.object": xml("CustomObject", SCORE),
        "permissionsets/Writers.permissionset": permission_set(GRANT.format("true")),
    }


def assign(org: Org, name: str = "Writers") -> None:
    found = org.connection().execute("SELECT f_id FROM o_permissionset WHERE f_name = ?", (name,)).fetchone()
    values = {"PermissionSetId": found[0], "AssigneeId": org.user_id}
    org.insert("PermissionSetAssignment", values, org.system())
    org.access.forget()


def sees(org: Org, name: str, object_name: str = "Account") -> bool:
    obj = org.schema.objects[object_name.lower()]
    return org.visible(org.user_id)(obj, obj.fields[name.lower()])


def text_field(*inner: str, name: str = "A__c", kind: str = "Text", label: str = "A") -> str:
    return f"<fields><fullName>{name}</fullName><label>{label}</label><type>{kind}</type>{''.join(inner)}</fields>"
