"""What operators and developers see of the board: numbers, health, the API's document."""

from collections.abc import Callable

import pytest
from arlen import App, Client

pytestmark = [pytest.mark.anyio, pytest.mark.engines("sqlite")]


async def test_the_numbers_of_the_board(make: Callable[..., App], filled: str) -> None:
    """A scrape tells of requests by route template and status, pages and queries, and a real parser reads it."""
    parser = pytest.importorskip("prometheus_client.parser", reason="prometheus-client reads the scrape")
    async with Client(make(url=filled)) as client:
        for path in ("/incidents/4998", "/incidents/4997", "/nowhere"):
            await client.get(path)
        text = (await client.get("/metrics")).text
    found = {
        (sample.name, sample.labels.get("http_route"), sample.labels.get("http_response_status_code")): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }
    name = "http_server_request_duration_seconds_count"
    assert (2, 1) == (found[name, "/incidents/{id:int}", "200"], found[name, "_OTHER", "404"])
    assert {"template_render_duration_seconds_count", "db_client_operation_duration_seconds_count"} <= {
        name for name, *_ in found
    }


async def test_the_health_of_the_board(make: Callable[..., App], filled: str) -> None:
    """Readiness asks the database; the cluster's page answers too."""
    async with Client(make(url=filled)) as client:
        ready = (await client.get("/readyz", headers={"accept": "application/json"})).json()
        assert (True, "ok") == (ready["ok"], ready["checks"]["database"]["status"])
        assert {200} == {(await client.get(path)).status for path in ("/healthz", "/livez", "/clusterz")}


async def test_the_document_of_the_board(make: Callable[..., App], filled: str) -> None:
    """Every route that a program may call is in the document, and the page that shows it is served in development."""
    async with Client(make(url=filled, env="development")) as client:
        document = (await client.get("/openapi.json")).json()
        assert {"/", "/incidents", "/incidents/{id}", "/import"} <= set(document["paths"])
        assert 200 == (await client.get("/docs")).status


async def test_the_stages_of_a_page(make: Callable[..., App], filled: str) -> None:
    """In development an answer says how long queries and the page took; in production it does not."""
    async with Client(make(url=filled, env="development")) as client:
        timing = (await client.get("/incidents", headers={"accept": "text/html"})).headers["server-timing"]
    assert ["route", "action", "sql", "render", "total"] == [each.partition(";")[0] for each in timing.split(", ")]
