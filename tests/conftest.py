"""Fixtures that several test files share."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_models


@pytest.fixture(scope="session")
def tiny_lm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a language model with random weights and a chat template; not to be written to."""
    return tiny_models.make_tiny_lm(tmp_path_factory.mktemp("tiny_lm"))
