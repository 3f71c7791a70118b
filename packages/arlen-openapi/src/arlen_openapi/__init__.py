"""OpenAPI 3.1 of an Arlen application, from the declarations that parse and validate, with its docs page."""

from arlen_openapi.declarations import Answer, declare
from arlen_openapi.documents import document, encode
from arlen_openapi.plugin import OpenAPI
from arlen_openapi.problems import Problem
from arlen_openapi.settings import Settings

__all__ = ["Answer", "OpenAPI", "Problem", "Settings", "declare", "document", "encode"]
