"""The web application: `flask --app webhook_app run`, or any WSGI server on `webhook_app:create_app()`."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from connector.web import health


def create_app() -> Flask:
    """The application for the settings file named by PMOM_CONFIG (config.toml without it)."""
    app = Flask("pmom")
    app.register_blueprint(health.blueprint(Path(os.environ.get("PMOM_CONFIG", "config.toml"))))
    return app
