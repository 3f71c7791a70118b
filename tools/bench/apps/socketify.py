"""The application on socketify: plain functions called from C++; middlewares are nested functions, it has no others."""
# Written as its users write it, and not installed where this is checked.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202

import sys
from urllib.parse import unquote

from socketify import App, AppListenOptions

from tools.bench.apps import shared
from tools.bench.apps.plain import TRUTH

__all__ = ["main"]

TEXT, JSON, HTML = b"text/plain; charset=utf-8", b"application/json", b"text/html; charset=utf-8"


def _plaintext(res, _):
    res.send("Hello, World!", TEXT)


def _json(res, _):
    res.send({"message": "Hello, World!"})


def _item(res, req):
    try:
        number = int(req.get_parameter(0))
        page, size = int(req.get_query("page") or "1"), int(req.get_query("size") or "20")
        active = TRUTH[req.get_query("active") or "false"]
    except (ValueError, KeyError):
        res.send("wrong parameter", TEXT, 422)
        return
    name = unquote(req.get_parameter(1))
    res.send({"id": number, "name": name, "page": page, "size": size, "active": active})


def _validate(res, _):
    chunks = []

    def take(res, chunk, is_end):
        chunks.append(chunk or b"")
        if is_end:
            try:
                order = shared.decode(b"".join(chunks))
            except ValueError as error:
                res.send(str(error), TEXT, 422)
            else:
                res.send(shared.summary(order))

    res.on_data(take)


def _template(res, _):
    res.send(shared.page(), HTML)


def _upload(res, _):
    size = 0

    def take(res, chunk, is_end):
        nonlocal size
        size += len(chunk or b"")
        if is_end:
            res.send({"size": size})

    res.on_data(take)


def _innermost(_, session):
    return shared.encode({"message": "Hello, World!", "user": session.get("user")}), []


def _tagged(inner):
    def call(req, session):
        body, fields = inner(req, session)
        fields.append(("etag", shared.tag(body)))
        return body, fields

    return call


def _session(inner):
    def call(req, _):
        session = shared.load_session(req.get_header("cookie"))
        body, fields = inner(req, session)
        if session:
            fields.append(("set-cookie", shared.save_session(session)))
        return body, fields

    return call


def _secured(inner):
    def call(req, session):
        body, fields = inner(req, session)
        fields.extend(shared.SECURITY)
        return body, fields

    return call


def _timed(inner):
    def call(req, session):
        start = shared.clock()
        body, fields = inner(req, session)
        fields.append(("server-timing", shared.elapsed(start)))
        return body, fields

    return call


def _named(inner):
    def call(req, session):
        name = shared.identity(req.get_header("x-request-id"))
        body, fields = inner(req, session)
        fields.append(("x-request-id", name))
        return body, fields

    return call


CHAIN = _named(_timed(_secured(_session(_tagged(_innermost)))))


def _middlewares(res, req):
    body, fields = CHAIN(req, {})
    res.write_status(200)
    for name, value in fields:
        res.write_header(name, value)
    res.write_header("content-type", "application/json")
    res.end(body)


def _route(name):
    def show(res, req):
        try:
            res.send({"route": name, "id": int(req.get_parameter(0))})
        except ValueError:
            res.send("not found", TEXT, 404)

    return show


def main(arguments):
    """Serve on the port that the command line gives."""
    app = App()
    app.get("/plaintext", _plaintext)
    app.get("/json", _json)
    app.get("/items/:id/:name", _item)
    app.post("/validate", _validate)
    app.get("/template", _template)
    app.get("/middlewares", _middlewares)
    app.post("/upload", _upload)
    for number in range(1, shared.ROUTES + 1):
        app.get(f"/resource{number}/:id/details", _route(f"resource{number}"))
    app.any("/*", lambda res, _: res.send("not found", TEXT, 404))
    app.listen(AppListenOptions(port=int(arguments[0]), host="127.0.0.1"), lambda _: None)
    app.run()


if __name__ == "__main__":
    main(sys.argv[1:])
