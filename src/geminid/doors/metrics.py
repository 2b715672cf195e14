"""``/metrics``: what was counted, in the form that Prometheus reads.

What is counted belongs to those who count; it is read here when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geminid.gates.lanes import Lane, Reason
from geminid.gates.observe import Observe
from geminid.gates.quotas import Limits, Quotas


def metrics_route(
    observe: Observe,
    rater_failures: Callable[[], Mapping[str, int]],
    lost_records: Callable[[], int],
    lanes: Collection[Lane],
    quotas: Quotas | None,
    passed_over: Mapping[tuple[str, str], int],
) -> Route:
    """``rater_failures`` are those of ``safety.guard.Guard``, by the rater's name; ``lost_records`` of usage.

    ``passed_over`` is ``gates.alternatives.Alternatives``'.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Calls(observe, rater_failures, lost_records))
    registry.register(_Admitted(lanes, quotas))
    registry.register(_Chained(passed_over))

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return Route("/metrics", metrics)


@dataclass(frozen=True, eq=False)
class _Calls(Collector):
    observe: Observe
    rater_failures: Callable[[], Mapping[str, int]]
    lost_records: Callable[[], int]

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("geminid_calls_running", "Calls under way.", value=self.observe.running)
        ended = CounterMetricFamily("geminid_calls", "Calls that are over, by google.rpc code.", labels=["code"])
        for code, count in sorted(self.observe.ended.items()):
            ended.add_metric([code.name], count)
        yield ended
        failures = CounterMetricFamily(
            "geminid_rater_failures", "Texts that a safety rater failed on.", labels=["rater"]
        )
        for name, count in sorted(self.rater_failures().items()):
            failures.add_metric([name], count)
        yield failures
        yield CounterMetricFamily(
            "geminid_usage_records_lost", "Usage records that could not be kept.", value=self.lost_records()
        )


@dataclass(frozen=True, eq=False)
class _Admitted(Collector):
    """What waits before the engines, and who was refused; labels are of the settings, and none of a caller."""

    lanes: Collection[Lane]
    quotas: Quotas | None

    def collect(self) -> Iterator[Metric]:
        places = GaugeMetricFamily(
            "geminid_engine_places", "Answers that an engine writes at the same time.", labels=["engine"]
        )
        taken = GaugeMetricFamily(
            "geminid_engine_places_taken", "Answers that an engine is writing.", labels=["engine"]
        )
        waiting = GaugeMetricFamily(
            "geminid_engine_calls_waiting", "Calls that wait for a place at an engine.", labels=["engine"]
        )
        refused = CounterMetricFamily(
            "geminid_engine_calls_refused",
            "Calls that were not let wait for an engine, or not any longer.",
            labels=["engine", "reason"],
        )
        for lane in self.lanes:
            places.add_metric([lane.name], lane.places)
            taken.add_metric([lane.name], lane.taken)
            waiting.add_metric([lane.name], lane.queued)
            for reason in Reason:
                refused.add_metric([lane.name, reason.value], lane.refused[reason])
        yield from (places, taken, waiting, refused)
        exceeded = CounterMetricFamily(
            "geminid_quota_calls_refused", "Calls beyond what their project may ask for.", labels=["limit"]
        )
        for limit in fields(Limits):
            exceeded.add_metric([limit.name], self.quotas.refused[limit.name] if self.quotas else 0)
        yield exceeded


@dataclass(frozen=True, eq=False)
class _Chained(Collector):
    """By the engine that could not answer, as the settings name it, and the code that it gave."""

    passed_over: Mapping[tuple[str, str], int]

    def collect(self) -> Iterator[Metric]:
        passed = CounterMetricFamily(
            "geminid_engine_calls_passed_over",
            "Calls that the next engine of a chain was asked to answer.",
            labels=["engine", "code"],
        )
        for (engine, code), count in sorted(self.passed_over.items()):
            passed.add_metric([engine, code], count)
        yield passed
