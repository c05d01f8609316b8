"""The fixtures of the login, which the doctor's and the rotation's tests share with those of the credentials."""

from __future__ import annotations

from tests.credentials.conftest import make_token, run_cli

__all__ = ["make_token", "run_cli"]
