"""Settings: every field is described, bounded and documented."""

import re
from pathlib import Path

import msgspec
import pytest

from arlen_core.vault import Secret
from arlen_server.settings import Settings, Tls
from arlen_server.tuning import Boomhauer, Propane

DOCUMENT = Path(__file__).parents[4] / "docs" / "server.md"
FIELDS = {field.name: field for field in msgspec.inspect.type_info(Settings).fields}


def described(field) -> str:
    """Return what a field is for."""
    return (field.type.extra_json_schema or {}).get("description", "")


def test_every_field_is_described():
    """Every field says what it is for."""
    assert [] == [name for name, field in FIELDS.items() if not described(field)]
    assert [] == [field.name for field in msgspec.inspect.type_info(Tls).fields if not described(field)]


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if isinstance(field.default, int | float)])
def test_bounds(name):
    """Every number is bounded on both sides, by construction and by configuration, and a string is no number."""
    if isinstance(FIELDS[name].default, bool):
        pytest.skip("a switch has no bounds")
    for wrong in (-1, 2**50):
        with pytest.raises(ValueError, match=f"{name} is .*; it must be (at least|more than|at most)"):
            Settings(**{name: wrong})
        with pytest.raises(msgspec.ValidationError, match=name):
            msgspec.convert({name: wrong}, Settings)
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert({name: "many"}, Settings)


def test_replaced_settings_are_checked():
    """A copy with a change is checked like the original."""
    with pytest.raises(ValueError, match="port is 70000; it must be at most 65535"):
        msgspec.structs.replace(Settings(), port=70000)


def test_unknown_key():
    """A key that does not exist is an error, not a silence."""
    with pytest.raises(msgspec.ValidationError, match="max_bdy"):
        msgspec.convert({"max_bdy": 1}, Settings)


def test_toml():
    """A whole section of configuration, tables included, becomes settings."""
    section = msgspec.toml.decode(
        """
        bind = ["127.0.0.1:8000", "unix:/run/app.sock"]
        unix_mode = 0o600
        trusted_proxies = ["10.0.0.0/8"]
        header_timeout = 5
        [tls]
        certificate = "cert.pem"
        [propane]
        workers = 2
        [boomhauer]
        browser = false
        """
    )
    settings = msgspec.convert(section, Settings)
    assert ("127.0.0.1:8000", "unix:/run/app.sock") == settings.bind
    assert (0o600, 5.0, "cert.pem") == (settings.unix_mode, settings.header_timeout, settings.tls.certificate)
    assert (Propane(workers=2), Boomhauer(browser=False)) == (settings.propane, settings.boomhauer)


def test_frozen():
    """Settings cannot be changed behind the server's back."""
    with pytest.raises(AttributeError):
        Settings().port = 1


def written(name: str, value: object) -> str:
    """Return a default as the document writes it."""
    if value is None:
        return "unset"
    value = value.reveal() if isinstance(value, Secret) else value
    return oct(value) if name == "unix_mode" else msgspec.json.encode(value).decode()


def rows(text: str) -> dict[str, tuple[str, str]]:
    """Return the rows of the settings tables: name, default and meaning."""
    tables = "".join(re.findall(r"^<!-- settings -->$(.*?)^<!-- end -->$", text, re.MULTILINE | re.DOTALL))
    found = re.findall(r"^\| `(?:tls\.)?(\w+)` \| (.*?) \| (.*) \|$", tables, re.MULTILINE)
    return {name: (default.strip("`"), meaning) for name, default, meaning in found}


def test_documented():
    """The tables in docs/server.md say of every field its default and what it is for, in the same words."""
    shown = rows(DOCUMENT.read_text())
    fields = {**FIELDS, **{field.name: field for field in msgspec.inspect.type_info(Tls).fields}}
    runners = {"boomhauer", "propane"}
    expected = {name: described(field).replace("|", "\\|") for name, field in fields.items() if name not in runners}
    assert expected == {name: meaning for name, (_, meaning) in shown.items()}
    defaults = {
        name: written(name, field.default)
        for name, field in fields.items()
        if name not in runners and field.default is not msgspec.NODEFAULT
    }
    assert defaults == {name: default for name, (default, _) in shown.items() if default != "required"}
