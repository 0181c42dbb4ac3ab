"""A deployment's options come in a part that the vendor's page and the vendor's command line name differently."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

_PACKAGE = '<Package xmlns="http://soap.sforce.com/2006/04/metadata"><version>66.0</version></Package>'


@pytest.mark.parametrize(("name", "status"), [("json", 201), ("entity_content", 201), ("options", 400)])
def test_the_options_are_found_by_either_name_and_no_other(call: Any, name: str, status: int) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("package.xml", _PACKAGE)
    options = json.dumps({"deployOptions": {"checkOnly": True}}).encode()
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="package.xml"\r\n'
        b"Content-Type: application/zip\r\n\r\n" + packed.getvalue()
        + f'\r\n--b\r\nContent-Disposition: form-data; name="{name}"\r\n'.encode()
        + b"Content-Type: application/json\r\n\r\n" + options + b"\r\n--b--\r\n"
    )  # fmt: skip
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = call("POST", "metadata/deployRequest", body, kind)
    assert answer.status == status
    if status == 201:
        assert json.loads(answer.body)["deployOptions"]["checkOnly"] is True
    else:
        assert json.loads(answer.body)[0]["errorCode"] == "INVALID_MULTIPART_REQUEST"
