"""The web application: `pmom serve`, or any WSGI server on `webhook_app:create_app()`."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from connector.config.deployment import Deployment
from connector.web import application


def create_app() -> Flask:
    """The application for the settings file named by PMOM_CONFIG (config.toml without it)."""
    deployment = Deployment.load(Path(os.environ.get("PMOM_CONFIG", "config.toml")), spare=True)
    return application.served(deployment).app
