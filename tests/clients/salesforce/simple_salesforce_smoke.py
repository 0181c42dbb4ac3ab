"""simple-salesforce as its users call it: one line a capability, an AssertionError for what is not as on a real org."""

from __future__ import annotations

import os

import requests
from simple_salesforce import Salesforce

URL = os.environ["EMULATOR_URL"]
form = {
    "grant_type": "client_credentials",
    "client_id": os.environ["EMULATOR_CLIENT_ID"],
    "client_secret": os.environ["EMULATOR_CLIENT_SECRET"],
}
token = requests.post(f"{URL}/services/oauth2/token", data=form, timeout=20).json()
sf = Salesforce(instance_url=token["instance_url"], session_id=token["access_token"], version="66.0")


def session_login() -> None:
    assert sf.query("SELECT COUNT() FROM Account")["totalSize"] > 200
    assert sf.api_usage["api-usage"].used > 0


for _name, _call in list(globals().items()):
    if callable(_call) and getattr(_call, "__module__", "") == "__main__":
        _call()
        print(_name)
