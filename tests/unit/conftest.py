"""How long the property tests search: `HYPOTHESIS_PROFILE=deep` searches at random, and for minutes."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("deep", settings.get_profile("default"), derandomize=False, max_examples=3_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
