"""Variables: who is heard first, and what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from arlen_core.app import App
from arlen_core.errors import ConfigError
from arlen_core.vault import Secret
from arlen_otel.options import Options
from arlen_otel.plugin import Otel
from arlen_otel.settings import Settings
from arlen_otel.variables import options

E = "OTEL_EXPORTER_OTLP_"
T = "OTEL_EXPORTER_OTLP_TRACES_"


def decided(environ=None, **settings):
    """What is decided on by settings and variables."""
    return options(Settings(**settings), environ or {}, root=Path("/app"), title="shop")


def test_without_anything_there_are_defaults():
    """As the options have them; the service is named as the application."""
    assert Options(resource={"service.name": "shop"}) == decided()


@pytest.mark.parametrize(
    ("name", "key", "general", "special", "own", "wanted"),
    [
        ("endpoint", "url", "http://a:1", "http://b:2/x", "http://c:3/", ("http://c:3/v1/traces", "http://b:2/x", "http://a:1/v1/traces")),
        ("timeout", "timeout", "3", "4", 5.0, (5.0, 4.0, 3.0)),
        ("compression", "gzip", "gzip", "none", "gzip", (True, False, True)),
    ],
)  # fmt: skip
def test_the_configuration_then_traces_then_all(name, key, general, special, own, wanted):
    """The configuration counts before the variable for traces, and that before the one for all signals."""
    words = {f"{E}{name.upper()}": general, f"{T}{name.upper()}": special}
    assert wanted[0] == getattr(decided(words, **{name: own}), key)
    assert wanted[1] == getattr(decided(words), key)
    assert wanted[2] == getattr(decided({f"{E}{name.upper()}": general}), key)


@pytest.mark.parametrize(
    ("variable", "value", "key", "wanted"),
    [
        ("OTEL_TRACES_SAMPLER", "always_off", "sampler", "always_off"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25", "ratio", 0.25),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "100", "attribute_length", 100),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "200", "attribute_length", 200),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "10", "queue", 10),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5", "batch", 5),
        ("OTEL_BSP_SCHEDULE_DELAY", "1500", "interval", 1.5),
        ("OTEL_SDK_DISABLED", "True", "enabled", False),
        ("OTEL_TRACES_EXPORTER", "none", "enabled", False),
        ("OTEL_TRACES_EXPORTER", "otlp", "enabled", True),
        (f"{E}PROTOCOL", "http/protobuf", "enabled", True),
        (f"{E}COMPRESSION", "none", "gzip", False),
        (f"{E}COMPRESSION", "", "gzip", True),
    ],
)
def test_each_variable(variable, value, key, wanted):
    """Is heard; an empty one is none."""
    assert wanted == getattr(decided({variable: value}), key)


@pytest.mark.parametrize(
    ("settings", "key", "wanted"),
    [
        ({"sampler": "always_on"}, "sampler", "always_on"),
        ({"ratio": 0.0}, "ratio", 0.0),
        ({"attribute_length": 5}, "attribute_length", 5),
        ({"queue": 3}, "queue", 3),
        ({"batch": 4}, "batch", 4),
        ({"interval": 7.0}, "interval", 7.0),
        ({"enabled": True}, "enabled", True),
        ({"drain": 0.0}, "drain", 0.0),
        ({"warn": 1.0}, "warn", 1.0),
        ({"api": True}, "api", True),
    ],
)
def test_the_configuration_counts_before_variables(settings, key, wanted):
    """Also where it says nothing, zero, or what the default is."""
    words = {
        "OTEL_TRACES_SAMPLER": "always_off",
        "OTEL_TRACES_SAMPLER_ARG": "0.5",
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "10",
        "OTEL_BSP_MAX_QUEUE_SIZE": "10",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10",
        "OTEL_BSP_SCHEDULE_DELAY": "10",
        "OTEL_SDK_DISABLED": "true",
    }
    assert wanted == getattr(decided(words, **settings), key)


def test_the_length_of_texts_in_spans_counts_before_that_of_all():
    """As OpenTelemetry says."""
    general, special = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"
    assert 200 == decided({general: "100", special: "200"}).attribute_length
    assert 100 == decided({general: "100", special: ""}).attribute_length


def test_fields_for_the_collector():
    """Names in lower case, values decoded and shown nowhere."""
    words = {f"{E}HEADERS": "x=1", f"{T}HEADERS": "Api-Key=s3cr3t%2Cx, X-Scope = my%20team ,"}
    made = decided(words)
    assert [("api-key", "s3cr3t,x"), ("x-scope", "my team")] == [(name, each.reveal()) for name, each in made.headers]
    assert "s3cr3t" not in repr(made)
    assert [("a", "b=c")] == [(name, each.reveal()) for name, each in decided(words, headers=Secret("a=b=c")).headers]


def test_the_resource():
    """The application's name, then the variables, then the configuration; its name for the service before all."""
    words = {"OTEL_RESOURCE_ATTRIBUTES": "service.name=one,team=north%20one,empty=", "OTEL_SERVICE_NAME": "two"}
    assert {"service.name": "two", "team": "north one"} == decided(words).resource
    words["OTEL_SERVICE_NAME"] = ""
    assert "one" == decided(words).resource["service.name"]
    made = decided(words, resource={"service.name": "three", "team": "south"})
    assert {"service.name": "three", "team": "south"} == made.resource
    assert "four" == decided(words, resource={"service.name": "three"}, service="four").resource["service.name"]


def test_files_for_tls(tmp_path):
    """Those of the configuration are below the application's folder."""
    for name in ("ca.pem", "own.pem"):
        (tmp_path / name).touch()
    words = {f"{E}CERTIFICATE": "/nowhere", f"{T}CLIENT_CERTIFICATE": str(tmp_path / "own.pem")}
    made = options(Settings(certificate="ca.pem"), words, root=tmp_path, title="shop")
    assert (tmp_path / "ca.pem", tmp_path / "own.pem", None) == (
        made.certificate,
        made.client_certificate,
        made.client_key,
    )


@pytest.mark.parametrize(
    ("words", "settings", "told"),
    [
        ({f"{E}ENDPOINT": "collector:4318"}, {}, f"{E}ENDPOINT: is no URL of a collector"),
        ({f"{T}ENDPOINT": "grpc://collector"}, {}, f"{T}ENDPOINT: is no URL of a collector"),
        ({}, {"endpoint": "http://"}, "otel.endpoint: is no URL"),
        ({}, {"endpoint": "http://a:99999"}, "otel.endpoint: is no URL"),
        ({}, {"endpoint": "http://a b"}, "otel.endpoint: is no URL"),
        ({}, {"endpoint": "http://me:s3cr3t@a"}, "otel.endpoint: holds a user name or a password"),
        ({f"{E}HEADERS": "s3cr3t"}, {}, f"{E}HEADERS: holds something that is no name=value"),
        ({}, {"headers": Secret("a=s3cr3t%0A")}, "otel.headers: holds what no header can be"),
        ({}, {"headers": Secret("a b=s3cr3t")}, "otel.headers: holds what no header can be"),
        ({f"{E}TIMEOUT": "10000"}, {}, f"{E}TIMEOUT: '10000' is no number from 0.001 to 60 (fix: write seconds"),
        ({f"{T}TIMEOUT": "soon"}, {}, f"{T}TIMEOUT: 'soon' is no number"),
        ({"OTEL_BSP_SCHEDULE_DELAY": "0"}, {}, "OTEL_BSP_SCHEDULE_DELAY: '0' is no number from 1 to 60000"),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "0"}, {}, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '0' is no number from 1"),
        ({"OTEL_TRACES_SAMPLER": "jaeger_remote"}, {}, "OTEL_TRACES_SAMPLER: 'jaeger_remote' is not known here"),
        ({"OTEL_TRACES_SAMPLER_ARG": "2"}, {}, "OTEL_TRACES_SAMPLER_ARG: '2' is no number from 0 to 1"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, {}, "OTEL_TRACES_EXPORTER: 'zipkin' is not known here"),
        ({f"{E}PROTOCOL": "grpc"}, {}, f"{E}PROTOCOL: 'grpc' is not known here (fix: arlen-otel speaks HTTP"),
        ({f"{E}COMPRESSION": "zstd"}, {}, f"{E}COMPRESSION: 'zstd' is not known here"),
        ({f"{E}CLIENT_KEY": "/nowhere.key"}, {}, f"{E}CLIENT_KEY: there is no file '/nowhere.key'"),
        ({}, {"certificate": "nowhere.pem"}, "otel.certificate: there is no file '/app/nowhere.pem'"),
    ],
)
def test_what_is_wrong_is_told_at_the_start(words, settings, told):
    """With the key or the variable, the reason and a fix, and without the value of a secret."""
    with pytest.raises(ConfigError) as caught:
        decided(words, **settings)
    assert str(caught.value).startswith(told)
    assert "(fix: " in str(caught.value)
    assert ("otel_invalid", False) == (caught.value.code, "s3cr3t" in str(caught.value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENDPOINT", ""),
        ("TIMEOUT", "0"),
        ("RATIO", "1.5"),
        ("SAMPLER", "sometimes"),
        ("QUEUE", "0"),
        ("ATTRIBUTE_LENGTH", "0"),
        ("NOTHING", "1"),
    ],
)
def test_a_wrong_section_fails_the_start(tmp_path, name, value):
    """As every section does, with the variable that it comes from."""
    app = App("shop", root=tmp_path, env="test", environ={f"ARLEN_OTEL__{name}": value})
    app.use(Otel(environ={}))
    with pytest.raises(ConfigError, match=f"ARLEN_OTEL__{name}"):
        app.plugins.settle()


def test_the_section_of_an_application(tmp_path):
    """It is read from files and variables, and `arlen config` masks the fields."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "app.toml").write_text('[otel]\nservice = "till"\nheaders = "api-key=s3cr3t"\n')
    app = App("shop", root=tmp_path, env="test", environ={"ARLEN_OTEL__RATIO": "0.5"})
    otel = app.use(Otel(environ={}))
    app.plugins.settle()
    assert ("till", 0.5) == (otel.options.resource["service.name"], otel.options.ratio)
    assert "s3cr3t" not in str(app.config.dump())
    assert "********" == app.config.dump()["otel.headers"]["value"]
