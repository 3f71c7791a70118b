"""Certifies the store in a folder."""

import pytest

from folder import Folder, temporary
from stores import StoreContract


class TestFolder(StoreContract):
    """A folder keeps every promise but expiry, which it does not claim."""

    version = 2

    @pytest.fixture
    def adapter(self, tmp_path):
        """An empty store."""
        return Folder(tmp_path)


def test_a_temporary_folder():
    """It is empty, and it goes."""
    with temporary() as store:
        assert list(store.path.iterdir()) == []
    assert not store.path.exists()
