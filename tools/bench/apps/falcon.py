"""The application on Falcon's ASGI side, with Falcon's middleware components."""
# Written as its users write it, and not installed where this is checked.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN202, ANN204

import falcon.asgi

from tools.bench.apps import shared

__all__ = ["app"]


class Plaintext:
    async def on_get(self, req, resp):
        resp.content_type = "text/plain; charset=utf-8"
        resp.text = "Hello, World!"


class Json:
    async def on_get(self, req, resp):
        resp.media = {"message": "Hello, World!"}


class Items:
    async def on_get(self, req, resp, id, name):
        page = req.get_param_as_int("page", default=1)
        size = req.get_param_as_int("size", default=20)
        active = req.get_param_as_bool("active", default=False)
        resp.media = {"id": id, "name": name, "page": page, "size": size, "active": active}


class Validate:
    async def on_post(self, req, resp):
        try:
            order = shared.decode(await req.stream.read())
        except ValueError as error:
            raise falcon.HTTPUnprocessableEntity(description=str(error)) from None
        resp.media = shared.summary(order)


class Template:
    async def on_get(self, req, resp):
        resp.content_type = "text/html; charset=utf-8"
        resp.text = shared.page()


class Middlewares:
    async def on_get(self, req, resp):
        resp.media = {"message": "Hello, World!", "user": req.context.session.get("user")}


class Upload:
    async def on_post(self, req, resp):
        size = 0
        async for chunk in req.stream:
            size += len(chunk)
        resp.media = {"size": size}


class Resource:
    def __init__(self, name):
        self.name = name

    async def on_get(self, req, resp, id):
        resp.media = {"route": self.name, "id": id}


class Named:
    async def process_request(self, req, resp):
        req.context.name = shared.identity(req.get_header("x-request-id"))

    async def process_response(self, req, resp, resource, req_succeeded):
        resp.set_header("x-request-id", req.context.name)


class Timed:
    async def process_request(self, req, resp):
        req.context.start = shared.clock()

    async def process_response(self, req, resp, resource, req_succeeded):
        resp.set_header("server-timing", shared.elapsed(req.context.start))


class Secured:
    async def process_response(self, req, resp, resource, req_succeeded):
        resp.set_headers(shared.SECURITY)


class Session:
    async def process_request(self, req, resp):
        req.context.session = shared.load_session(req.get_header("cookie"))

    async def process_response(self, req, resp, resource, req_succeeded):
        if req.context.session:
            resp.append_header("set-cookie", shared.save_session(req.context.session))


class Tagged:
    async def process_response(self, req, resp, resource, req_succeeded):
        resp.set_header("etag", shared.tag(await resp.render_body()))


app = falcon.asgi.App(middleware=[Named(), Timed(), Secured(), Session(), Tagged()] if shared.LAYERED else None)
app.add_route("/plaintext", Plaintext())
app.add_route("/json", Json())
app.add_route("/items/{id:int}/{name}", Items())
app.add_route("/validate", Validate())
app.add_route("/template", Template())
app.add_route("/middlewares", Middlewares())
app.add_route("/upload", Upload())
for number in range(1, shared.ROUTES + 1):
    app.add_route(f"/resource{number}/{{id:int}}/details", Resource(f"resource{number}"))
