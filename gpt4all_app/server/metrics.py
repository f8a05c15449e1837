"""`/metrics`: what the server and its engines did, for Prometheus."""

import time
from collections.abc import Iterator
from dataclasses import fields

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gpt4all_app.server.served_models import ServedModels
from gpt4all_core.engine.counters import Counters

_STATES = {"widest_batch": "Most requests in one batch", "threads": "Processor threads of the last step"}
"""The numbers of an engine that do not count up."""

_SECONDS = (0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300)


class Metrics:
    """The numbers of one server. Thread-safe, as prometheus_client's are."""

    def __init__(self, models: ServedModels) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_EngineCollector(models))
        names = ["method", "path", "status"]
        self._requests = Counter(
            "gpt4all_http_requests", "Requests that were answered", names, registry=self._registry
        )
        self._seconds = Histogram(
            "gpt4all_http_request_seconds",
            "How long whole answers took",
            ["path"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._running = Gauge("gpt4all_http_requests_running", "Requests now", registry=self._registry)

    def text(self) -> bytes:
        """All of them in Prometheus' format."""
        return generate_latest(self._registry)

    def began(self) -> None:
        self._running.inc()

    def ended(self, method: str, path: str, status: int, seconds: float) -> None:
        """path: the address as the program knows it; a stranger's would be a new row each."""
        self._running.dec()
        self._requests.labels(method, path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)


class _EngineCollector(Collector):
    """The counters of the engines that are open when they are asked for; opens none."""

    def __init__(self, models: ServedModels) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        counters = dict(self._counters())
        for field in fields(Counters):
            name, state = f"gpt4all_engine_{field.name}", _STATES.get(field.name)
            family = (
                CounterMetricFamily(name, f"{field.name} since the model was opened", labels=["model"])
                if state is None
                else GaugeMetricFamily(name, state, labels=["model"])
            )
            for model, numbers in counters.items():
                family.add_metric([model], getattr(numbers, field.name))
            yield family

    def _counters(self) -> Iterator[tuple[str, Counters]]:
        for name, model in self._models.made().items():
            if getattr(model, "is_open", False) and isinstance(
                found := getattr(model, "counters", None), Counters
            ):
                yield name, found


class CountRequests:
    """Middleware that counts requests by the address that answered them."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 499  # nobody was left to be answered
        started = time.monotonic()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.began()
        try:
            await self._app(scope, receive, noting)
        finally:
            path = getattr(scope.get("route"), "path", "other")
            self._metrics.ended(_method(scope["method"]), path, status, time.monotonic() - started)


def _method(method: str) -> str:
    return method if method in ("GET", "POST", "DELETE", "OPTIONS", "HEAD") else "other"


def metrics_router(metrics: Metrics) -> APIRouter:
    """The address that Prometheus reads."""
    router = APIRouter(tags=["server"])

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def read_metrics() -> Response:
        """The numbers of the server and of the engines that are open."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
