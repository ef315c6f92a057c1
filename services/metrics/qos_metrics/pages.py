"""The HTML pages: server-rendered, in Japanese and English, complete without a script."""

from collections.abc import Awaitable, Callable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from qos_domain.criteria import PRINCIPLES
from qos_domain.disclosure import public_assessment, public_indicators
from qos_domain.errors import TransientFailure
from qos_metrics import page_forms, problems, reference, sheet, sheet_published
from qos_metrics.answers import Question
from qos_metrics.http_answers import STAFF, shared_for
from qos_metrics.language import LANGUAGES, Writer, choose
from qos_metrics.page_forms import MapForm, PageForm, SheetForm
from qos_metrics.params import read_window
from qos_metrics.parts import Parts
from qos_metrics.ports import ListFilter, OneProcedure, Page, UnknownProcedure
from qos_metrics.problems import StaffOnly

_ROWS = 50
_STATIC_SECONDS = 86_400
_LINKS = (
    ("home_link_map", "/v1/quality-map"),
    ("home_link_lines", "/v1/quality-map.ndjson"),
    ("home_link_indicators", "/v1/indicators"),
    ("home_link_publications", "/v1/publications"),
    ("home_link_stream", "/v1/stream"),
    ("home_link_reference", "/reference"),
    ("home_link_metrics", "/metrics"),
)
# No script, nothing from elsewhere: a page can only show what it was sent.
_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
F = TypeVar("F", bound=PageForm)


def install(app: FastAPI, parts: Parts) -> None:
    """Adds the pages, what they look like, and errors as pages where a browser asked for one."""
    pages = Pages(app, parts)
    for path, page in (
        ("/", pages.home),
        ("/quality-map", pages.quality_map),
        ("/procedures/{procedure_id:path}", pages.procedure),
        ("/reference", pages.reference),
    ):
        app.add_api_route(path, page, methods=["GET"], include_in_schema=False, response_class=HTMLResponse)
    app.mount("/static", _Static(packages=[("qos_metrics", "static")]))
    app.add_exception_handler(HTTPException, pages.not_found)


class _Static(StaticFiles):
    """Files that may be kept for a day: their addresses change with their content."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - as the base class has it
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = f"public, max-age={_STATIC_SECONDS}"
        return response


class Pages:
    def __init__(self, app: FastAPI, parts: Parts) -> None:
        self._app = app
        self._parts = parts
        self._service = parts.service
        self._templates = Environment(
            loader=PackageLoader("qos_metrics"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["path"] = lambda text: quote(text, safe="/:")
        self._templates.filters["merge"] = lambda mapping, **more: {**mapping, **more}

    async def home(self, request: Request) -> Response:
        async def render(_form: PageForm, _t: Writer) -> dict[str, Any]:
            return {
                "totals": await self._service.map_totals(ListFilter()),
                "links": _LINKS,
                "freshness": await self._service.freshness(),
                "as_of": self._service.today(),
            }

        return await self._page(request, PageForm, "home.html", render)

    async def quality_map(self, request: Request) -> Response:
        async def render(form: MapForm, t: Writer) -> dict[str, Any]:
            wanted = form.wanted()
            found = await self._service.listing(wanted, Page(_ROWS, after=form.after, before=form.before))
            ids = [row.procedure.procedure_id for row in found.rows]
            return {
                "form": form,
                "problem": t("filter_error") if form.is_half else None,
                "filtered": bool(form.choices),
                "organisations": await self._service.organisations(),
                "totals": await self._service.map_totals(wanted),
                "rows": [sheet.map_line(row) for row in found.rows],
                "first": self._url(request, t, "/quality-map", **form.choices),
                "previous": self._url(request, t, "/quality-map", **form.choices, before=ids[0])
                if found.has_previous and ids
                else None,
                "following": self._url(request, t, "/quality-map", **form.choices, after=ids[-1])
                if found.has_next and ids
                else None,
                "freshness": found.freshness,
                "as_of": found.as_of,
            }

        return await self._page(request, MapForm, "map.html", render)

    async def procedure(self, request: Request, procedure_id: str) -> Response:
        async def render(form: SheetForm, t: Writer) -> dict[str, Any]:
            today = self._service.today()
            window = read_window("window", form.window, today)
            figures = await self._service.figures(Question(OneProcedure(procedure_id), today, window))
            levels = await self._service.levels(procedure_id, today)
            version = (await self._service.versions(procedure_id)).current
            stated = await self._parts.publications.last_of_procedure(procedure_id)
            total, live, row = figures.total, levels.live, levels.row
            if form.audience == "public":
                total, live = public_indicators(total), public_assessment(live)
            words = sheet.LevelWords(t, self._service.criteria)
            title = self._service.criteria.title
            other = t.pick(row.name_en or "", row.name_ja) if row.name_en else None
            path = f"/procedures/{quote(procedure_id, safe='/:')}"
            return {
                "row": row,
                "name": t.pick(row.name_ja, row.name_en),
                "other_name": other,
                "other_name_lang": "ja" if t.language == "en" else "en",
                "organisation": t.pick(row.organisation_name_ja, row.organisation_name_en),
                "tags": _tags(t, row, effective=row.effective_from <= today),
                "contradictions": words.contradictions(live),
                "levels": words.blocks(live, levels.settled),
                "criteria_title": t.pick(title.ja, title.en),
                "figures": sheet.figure_cards(t, total, version.objective),
                "standing": sheet.standing(t, total, figures.forecast_until),
                "window": window,
                "windows": [
                    (name, self._url(request, t, path, window=name), name == form.window)
                    for name in page_forms.SHEET_WINDOWS
                ],
                "published": None
                if stated is None
                else sheet_published.published_month(
                    t, stated, live, audience=form.audience, objective=version.objective
                ),
                "facts": sheet.facts(t, row, version),
                "json_href": f"/v1{path}/levels",
                "freshness": levels.freshness,
                "as_of": today,
            }

        return await self._page(request, SheetForm, "sheet.html", render)

    async def reference(self, request: Request) -> Response:
        async def render(_form: PageForm, _t: Writer) -> dict[str, Any]:
            return {"tags": reference.tags(self._app.openapi())}

        return await self._page(request, PageForm, "reference.html", render)

    async def not_found(self, request: Request, error: Exception) -> Response:
        """What no route answers: a page for a browser, a problem for a program."""
        wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1/")
        if wants_page and isinstance(error, HTTPException) and error.status_code == 404:
            return self._error(request, 404)
        return await problems.of_http(request, error)

    async def _page(
        self,
        request: Request,
        form_of: type[F],
        template: str,
        render: Callable[[F, Writer], Awaitable[dict[str, Any]]],
    ) -> Response:
        try:
            form = form_of.model_validate(dict(request.query_params))
            self._parts.gate.admit(form.audience, request.headers.get("authorization"))
            context = await render(form, self._writer(request))
        except ValidationError:
            return self._error(request, 422)
        except UnknownProcedure:
            return self._error(request, 404)
        except StaffOnly:
            return self._error(request, 401)
        except TransientFailure:
            return self._error(request, 503)
        cache = STAFF if form.audience == "staff" else shared_for(self._parts.settings.cache_seconds)
        return self._response(request, template, 200, cache, audience=form.audience, **context)

    def _error(self, request: Request, status: int) -> Response:
        t = self._writer(request)
        text = "" if status == 422 else t(f"error_{status}_text")
        return self._response(request, "error.html", status, "no-store", title=t(f"error_{status}"), text=text)

    def _response(self, request: Request, template: str, status: int, cache: str, **context: Any) -> Response:  # noqa: ANN401 - a template's context
        t = self._writer(request)
        html = self._templates.get_template(template).render(
            {
                "t": t,
                "other": next(language for language in LANGUAGES if language != t.language),
                "explicit_language": "lang" in request.query_params,
                "path": request.url.path,
                "query": dict(request.query_params),
                "principles": PRINCIPLES,
                "asset": _asset,
                "url": lambda path, **query: self._url(request, t, path, **query),
                "freshness": None,
                "as_of": None,
                "audience": "public",
                **context,
            }
        )
        headers = {"Cache-Control": cache, "Vary": "Accept-Language, Authorization", "Content-Language": t.language}
        return HTMLResponse(html, status, {**headers, **_SECURITY})

    def _writer(self, request: Request) -> Writer:
        language = choose(request.query_params.get("lang"), request.headers.get("accept-language"))
        return Writer(language, self._service.calendar.time_zone)

    def _url(self, request: Request, t: Writer, path: str, **query: object) -> str:
        """An address within the site that keeps the language and the audience that were chosen by name."""
        kept: dict[str, object] = {}
        if "lang" in request.query_params:
            kept["lang"] = t.language
        if request.query_params.get("audience") == "staff":
            kept["audience"] = "staff"
        parameters = urlencode({**kept, **query})
        return f"{path}?{parameters}" if parameters else path


def _tags(t: Writer, row: Any, *, effective: bool) -> list[tuple[str, str]]:  # noqa: ANN401
    tags = [("accent", t(f"organisation_{row.organisation_kind}"))]
    if row.declared_priority:
        tags.append(("good", t("sheet_priority")))
    if row.retired:
        tags.append(("bad", t("sheet_retired")))
    elif not effective:
        tags.append(("warn", t("sheet_not_in_force")))
    return tags


@cache
def _asset(name: str) -> str:
    """The address of a static file: it changes with the file's content."""
    content = (files("qos_metrics") / "static" / name).read_bytes()
    return f"/static/{name}?v={sha256(content).hexdigest()[:12]}"
