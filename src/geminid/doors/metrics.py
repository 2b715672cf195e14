"""``/metrics``: what was counted, in the form that Prometheus reads.

What is counted belongs to those who count; it is read here when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geminid.gates.observe import Observe


def metrics_route(
    observe: Observe, rater_failures: Callable[[], Mapping[str, int]], lost_records: Callable[[], int]
) -> Route:
    """``rater_failures`` are those of ``safety.guard.Guard``, by the rater's name; ``lost_records`` of usage."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counts(observe, rater_failures, lost_records))

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return Route("/metrics", metrics)


class _Counts(Collector):
    def __init__(
        self, observe: Observe, rater_failures: Callable[[], Mapping[str, int]], lost_records: Callable[[], int]
    ) -> None:
        self._observe = observe
        self._rater_failures = rater_failures
        self._lost_records = lost_records

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("geminid_calls_running", "Calls under way.", value=self._observe.running)
        ended = CounterMetricFamily("geminid_calls", "Calls that are over, by google.rpc code.", labels=["code"])
        for code, count in sorted(self._observe.ended.items()):
            ended.add_metric([code.name], count)
        yield ended
        failures = CounterMetricFamily(
            "geminid_rater_failures", "Texts that a safety rater failed on.", labels=["rater"]
        )
        for name, count in sorted(self._rater_failures().items()):
            failures.add_metric([name], count)
        yield failures
        yield CounterMetricFamily(
            "geminid_usage_records_lost", "Usage records that could not be kept.", value=self._lost_records()
        )
