"""Settings: defaults that are safe, and nothing unknown."""

import msgspec
import pytest

from arlen_web.settings import EXTENSIONS, Settings, StaticSettings


def test_the_defaults():
    """Templates beside the application, no bytecode, no secret, no mounts."""
    assert Settings(templates="templates", bytecode="", secret=None, flash_seconds=300, static=()) == Settings()


def test_a_mount_needs_prefix_and_folder():
    """The rest has defaults: the allowlist, and asking again before using what was kept."""
    mount = msgspec.convert({"prefix": "/x", "directory": "y"}, StaticSettings)
    assert (EXTENSIONS, "no-cache") == (mount.extensions, mount.cache)
    with pytest.raises(msgspec.ValidationError, match="missing required field `directory`"):
        msgspec.convert({"prefix": "/x"}, StaticSettings)


def test_unknown_keys_are_refused():
    """A typing mistake is no silent default."""
    with pytest.raises(msgspec.ValidationError, match="extensionz"):
        msgspec.convert({"prefix": "/x", "directory": "y", "extensionz": []}, StaticSettings)


@pytest.mark.parametrize(
    "name", ["py", "env", "sql", "db", "sqlite", "log", "toml", "yml", "key", "pem", "zip", "exe", "sh", "php"]
)
def test_nothing_dangerous_is_served_by_default(name):
    """Sources, data, keys and archives are not in the allowlist."""
    assert name not in EXTENSIONS
