from __future__ import annotations

import asyncio
import datetime as dt
import random
import time
import weakref
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

import pytest

from geminid.call import Call, Handler, Stream, chain
from geminid.errors import EXPIRED, OVERLOADED, ApiError, DeadlineExceeded, Unavailable
from geminid.gates.admission import Admission, Turn
from geminid.gates.lanes import Lane, Reason
from geminid.gates.observe import Observe
from geminid.wire.generation import GenerateContentRequest, GenerateContentResponse, GenerationConfig

METHOD = "google.cloud.aiplatform.v1.PredictionService.StreamGenerateContent"


def a_call(
    project: str = "p", name: str = "", deadline: float | None = None, candidates: int | None = None
) -> Call:
    request = GenerateContentRequest(model=name, generation_config=GenerationConfig(candidate_count=candidates))
    resource = f"projects/{project}/locations/l/publishers/google/models/m"
    return Call(METHOD, request, dt.datetime.now(dt.UTC), "test", resource=resource, deadline=deadline)


@dataclass
class Engine:
    """Answers with two messages, the second when it is told to go on. Knows who runs, and who ran when.

    Between what comes before it and what it does, a call enters its turn.
    """

    running: list[str] = field(default_factory=list)
    began: list[str] = field(default_factory=list)
    most: int = 0
    _go_on: dict[str, asyncio.Event] = field(default_factory=dict)

    async def __call__(self, call: Call) -> Stream:
        name = call.request.model  # type: ignore[attr-defined]
        async with call.turn:
            self.running.append(name)
            self.began.append(name)
            self.most = max(self.most, len(self.running))
            try:
                yield GenerateContentResponse()
                await self._go_on.setdefault(name, asyncio.Event()).wait()
                yield GenerateContentResponse()
            finally:
                self.running.remove(name)

    def end(self, name: str) -> None:
        self._go_on.setdefault(name, asyncio.Event()).set()


@dataclass
class World:
    """One engine behind the gates, and tasks that read answers."""

    lane: Lane
    engine: Engine
    handler: Handler

    def ask(self, name: str, project: str = "p", **more: object) -> asyncio.Task[int]:
        return asyncio.create_task(count(self.handler(a_call(project, name, **more))))  # type: ignore[arg-type]


async def count(stream: Stream) -> int:
    async with aclosing(stream):
        return len([message async for message in stream])


Build = Callable[..., World]


@pytest.fixture
def world() -> Build:
    def build(places: int = 1, waiting: int = 100, seconds: float = 60.0) -> World:
        lane, engine = Lane(lambda: places, waiting=waiting, seconds=seconds), Engine()
        return World(lane, engine, chain([Observe(), Admission(lambda call: lane)], engine))

    return build


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], Awaitable[None]]:
    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while True:
                if condition():
                    return
                await asyncio.sleep(0)

    return wait


Eventually = Callable[[Callable[[], object]], Awaitable[None]]


async def test_a_call_runs_at_once_while_there_are_places(world: Build, eventually: Eventually) -> None:
    here = world(places=2)

    tasks = [here.ask("a"), here.ask("b"), here.ask("c")]
    await eventually(lambda: here.lane.queued == 1)

    assert here.engine.running == ["a", "b"]
    here.engine.end("a")
    await eventually(lambda: "c" in here.engine.running)
    here.engine.end("b")
    here.engine.end("c")
    assert await asyncio.gather(*tasks) == [2, 2, 2]
    assert (here.lane.taken, here.lane.queued) == (0, 0)


async def test_who_came_first_in_a_project_goes_first_and_projects_take_turns(
    world: Build, eventually: Eventually
) -> None:
    here = world()
    tasks = [here.ask("first")]
    await eventually(lambda: here.engine.running)

    tasks += [here.ask(f"p{number}", "p") for number in range(4)]
    tasks += [here.ask(f"q{number}", "q") for number in range(2)]
    tasks += [here.ask("r0", "r")]
    await eventually(lambda: here.lane.queued == 7)
    for number in range(8):
        await eventually(lambda number=number: len(here.engine.began) == number + 1)
        here.engine.end(here.engine.began[-1])
    await asyncio.gather(*tasks)

    assert here.engine.began == ["first", "p0", "q0", "r0", "p1", "q1", "p2", "p3"]


async def test_a_full_queue_refuses_in_the_words_of_google(world: Build, eventually: Eventually) -> None:
    here = world(waiting=1)
    tasks = [here.ask("a"), here.ask("b")]
    await eventually(lambda: here.lane.queued == 1)

    with pytest.raises(Unavailable, match=OVERLOADED):
        await here.ask("c")

    assert here.lane.refused == {Reason.FULL: 1}
    here.engine.end("a")
    here.engine.end("b")
    await asyncio.gather(*tasks)


async def test_nobody_keeps_others_out_of_a_full_queue(world: Build, eventually: Eventually) -> None:
    here = world(waiting=3)
    running = here.ask("a")
    await eventually(lambda: here.engine.running)
    flood = [here.ask(f"p{number}") for number in range(3)]
    await eventually(lambda: here.lane.queued == 3)

    other = here.ask("q0", "q")

    with pytest.raises(Unavailable, match=OVERLOADED):
        await flood[2]
    assert here.lane.queued == 3
    for name in ("a", "p0", "q0", "p1"):
        here.engine.end(name)
    await asyncio.gather(running, *flood[:2], other)
    assert here.engine.began == ["a", "p0", "q0", "p1"]


async def test_a_call_that_cannot_start_in_time_is_refused_at_once(world: Build, eventually: Eventually) -> None:
    here = world(seconds=30)
    here.lane.take(1)
    here.lane.leave(1, seconds=9.0)
    tasks = [here.ask("a")]
    await eventually(lambda: here.engine.running)
    tasks += [here.ask("b")]
    await eventually(lambda: here.lane.queued == 1)
    began = time.monotonic()

    with pytest.raises(Unavailable, match=OVERLOADED):
        await here.ask("c")
    with pytest.raises(Unavailable, match=OVERLOADED):
        await here.ask("d", "q", deadline=began + 20)

    assert time.monotonic() - began < 1
    here.engine.end("a")
    here.engine.end("b")
    await asyncio.gather(*tasks)


async def test_one_slow_call_does_not_close_the_lane(world: Build, eventually: Eventually) -> None:
    here = world(seconds=1)
    here.lane.take(1)
    here.lane.leave(1, seconds=1000.0)

    task = here.ask("a")
    await eventually(lambda: here.engine.running)
    here.engine.end("a")

    assert await task == 2


async def test_who_waits_too_long_is_told_that_the_model_is_overloaded(
    world: Build, eventually: Eventually
) -> None:
    here = world(seconds=0.01)
    task = here.ask("a")
    await eventually(lambda: here.engine.running)

    with pytest.raises(Unavailable, match=OVERLOADED):
        await here.ask("b")

    here.engine.end("a")
    await task
    assert here.engine.began == ["a"]


async def test_a_deadline_that_passes_in_the_queue_is_exceeded(world: Build, eventually: Eventually) -> None:
    here = world()
    task = here.ask("a")
    await eventually(lambda: here.engine.running)

    for deadline in (time.monotonic() + 0.01, time.monotonic() - 1):
        with pytest.raises(DeadlineExceeded, match=EXPIRED):
            await here.ask("b", deadline=deadline)

    here.engine.end("a")
    await task
    assert (here.lane.taken, here.lane.queued, here.engine.began) == (0, 0, ["a"])


async def test_who_leaves_the_queue_frees_its_place_in_it(world: Build, eventually: Eventually) -> None:
    here = world(waiting=1)
    tasks = [here.ask("a"), here.ask("b")]
    await eventually(lambda: here.lane.queued == 1)

    tasks[1].cancel()
    await eventually(lambda: here.lane.queued == 0)
    tasks[1] = here.ask("c")
    await eventually(lambda: here.lane.queued == 1)
    here.engine.end("a")
    here.engine.end("c")

    assert await asyncio.gather(*tasks) == [2, 2]
    assert here.engine.began == ["a", "c"]


async def test_who_leaves_when_its_turn_has_come_passes_it_on(world: Build, eventually: Eventually) -> None:
    here = world()
    tasks = [here.ask("b"), here.ask("c")]
    here.lane.take(1)
    await eventually(lambda: here.lane.queued == 2)

    here.lane.leave(1, seconds=1.0)  # the place is b's now, which has not run yet
    tasks[0].cancel()
    here.engine.end("c")

    assert await tasks[1] == 2
    assert here.engine.began == ["c"]
    assert here.lane.taken == 0


async def test_a_stream_holds_its_place_until_it_is_left(world: Build) -> None:
    here = world()

    async with aclosing(here.handler(a_call(name="a"))) as stream:
        await anext(stream)
        assert here.lane.taken == 1

    assert here.lane.taken == 0


async def test_what_comes_before_and_after_the_engine_holds_no_place(world: Build) -> None:
    here = world()

    async def answers(call: Call) -> Stream:
        yield GenerateContentResponse()
        async with call.turn:
            yield GenerateContentResponse()
        yield GenerateContentResponse()

    async with aclosing(chain([Admission(lambda call: here.lane)], answers)(a_call())) as stream:
        taken = [here.lane.taken async for _ in stream]

    assert taken == [0, 1, 0]


async def test_what_could_not_start_in_time_is_refused_before_anything_is_done(
    world: Build, eventually: Eventually
) -> None:
    here = world(waiting=0)
    task = here.ask("a")
    await eventually(lambda: here.engine.running)
    prepared: list[Call] = []

    async def prepares(call: Call) -> Stream:
        prepared.append(call)
        yield GenerateContentResponse()

    with pytest.raises(Unavailable, match=OVERLOADED):
        await count(chain([Admission(lambda call: here.lane)], prepares)(a_call()))

    assert prepared == []
    here.engine.end("a")
    await task


async def test_each_answer_gives_its_place_back_when_it_is_written() -> None:
    lane = Lane(lambda: 3, waiting=0, seconds=1)
    taken = []

    async def answers(call: Call) -> Stream:
        async with call.turn:
            async with call.turn:
                taken.append(lane.taken)
            taken.append(lane.taken)
        taken.append(lane.taken)
        yield GenerateContentResponse()

    await count(chain([Admission(lambda call: lane)], answers)(a_call(candidates=3)))

    assert [*taken, lane.taken] == [3, 2, 1, 0]


async def test_answers_that_are_refused_are_refused_together(world: Build, eventually: Eventually) -> None:
    here = world(places=2, seconds=0.01)
    began: list[int] = []

    async def one(call: Call, index: int) -> None:
        async with call.turn:
            began.append(index)

    async def answers(call: Call) -> Stream:
        results = await asyncio.gather(*(one(call, index) for index in range(2)), return_exceptions=True)
        assert [type(result) for result in results] == [Unavailable] * 2
        yield GenerateContentResponse()

    task = here.ask("a")
    await eventually(lambda: here.engine.running)
    assert await count(chain([Admission(lambda call: here.lane)], answers)(a_call(candidates=2))) == 1

    assert (began, here.lane.refused) == ([], {Reason.WAITED: 1})
    here.engine.end("a")
    await task


async def test_calls_with_several_answers_do_not_wait_for_each_other_for_ever() -> None:
    lane = Lane(lambda: 3, waiting=100, seconds=60)

    async def one(call: Call) -> None:
        async with call.turn:
            await asyncio.sleep(0)

    async def answers(call: Call) -> Stream:
        await asyncio.gather(*(one(call) for _ in range(call.request.generation_config.candidate_count)))  # type: ignore[attr-defined]
        yield GenerateContentResponse()

    handler = chain([Admission(lambda call: lane)], answers)
    async with asyncio.timeout(10):
        calls = [a_call(project="pq"[number % 2], candidates=1 + number % 8) for number in range(64)]
        assert await asyncio.gather(*(count(handler(call)) for call in calls)) == [1] * 64

    assert (lane.taken, lane.queued, lane.refused) == (0, 0, {})


async def test_an_answer_that_is_asked_for_again_takes_a_place_again(world: Build) -> None:
    here = world()

    async def answers(call: Call) -> Stream:
        for _ in range(3):
            async with call.turn:
                yield GenerateContentResponse()

    async with aclosing(chain([Admission(lambda call: here.lane)], answers)(a_call())) as stream:
        taken = [here.lane.taken async for _ in stream]

    assert ([*taken, here.lane.taken]) == [1, 1, 1, 0]


async def test_nobody_waits_for_ever_at_an_engine_that_hangs(world: Build, eventually: Eventually) -> None:
    here = world(places=2, waiting=20, seconds=0.05)
    hanging = [here.ask("a"), here.ask("b")]
    await eventually(lambda: len(here.engine.running) == 2)

    async with asyncio.timeout(5):
        ends = await asyncio.gather(
            *(here.ask(f"c{number}", "pqr"[number % 3], candidates=1 + number % 2) for number in range(30)),
            return_exceptions=True,
        )

    assert {type(end) for end in ends} == {Unavailable}
    assert here.lane.refused.keys() <= {Reason.WAITED, Reason.FULL, Reason.DISPLACED}
    assert sum(here.lane.refused.values()) == 30
    for name in "ab":
        here.engine.end(name)
    assert await asyncio.gather(*hanging) == [2, 2]
    assert (here.lane.taken, here.lane.queued) == (0, 0)


async def test_a_failure_frees_the_place() -> None:
    async def fails(call: Call) -> Stream:
        async with call.turn:
            yield GenerateContentResponse()
            raise Unavailable("gone")

    lane = Lane(lambda: 1, waiting=0, seconds=1)
    handler = chain([Admission(lambda call: lane)], fails)

    for _ in range(3):
        with pytest.raises(Unavailable, match="gone"):
            await count(handler(a_call()))

    assert lane.taken == 0


async def test_a_turn_that_never_came_is_freed_without_the_collector() -> None:
    lane = Lane(lambda: 1, waiting=1, seconds=0.001)
    lane.take(1)
    turn = Turn(lane, "p", 1, None, time.monotonic)
    there = weakref.ref(turn)

    with suppress(Unavailable):
        await turn.__aenter__()
    turn.end()
    del turn

    assert there() is None


async def test_each_candidate_takes_a_place(world: Build, eventually: Eventually) -> None:
    here = world(places=3)
    tasks = [here.ask("two", candidates=2), here.ask("more", candidates=2), here.ask("one")]
    await eventually(lambda: here.lane.queued == 2)
    assert here.engine.running == ["two"]

    for name in ("two", "more", "one"):
        here.engine.end(name)
    await asyncio.gather(*tasks)

    assert here.engine.began == ["two", "more", "one"]


async def test_who_leaves_makes_way_for_those_it_kept_waiting(world: Build, eventually: Eventually) -> None:
    here = world(places=2)
    tasks = [here.ask("a"), here.ask("wide", candidates=2), here.ask("b")]
    await eventually(lambda: here.lane.queued == 2)

    tasks[1].cancel()
    await eventually(lambda: here.engine.running == ["a", "b"])

    here.engine.end("a")
    here.engine.end("b")
    await asyncio.gather(tasks[0], tasks[2])


async def test_who_wants_more_places_than_there_are_runs_alone(world: Build, eventually: Eventually) -> None:
    here = world(places=2)
    tasks = [here.ask("wide", candidates=8), here.ask("one")]
    await eventually(lambda: here.lane.queued == 1)
    assert here.engine.running == ["wide"]

    here.engine.end("wide")
    here.engine.end("one")

    assert await asyncio.gather(*tasks) == [2, 2]


async def test_more_places_are_used_when_there_are_more(eventually: Eventually) -> None:
    places = [1]
    lane, engine = Lane(lambda: places[0], waiting=10, seconds=60), Engine()
    here = World(lane, engine, chain([Admission(lambda call: lane)], engine))
    tasks = [here.ask(name) for name in "abcd"]
    await eventually(lambda: lane.queued == 3)

    places[0] = 3
    engine.end("a")
    await eventually(lambda: len(engine.running) == 3)

    for name in "bcd":
        engine.end(name)
    await asyncio.gather(*tasks)
    assert engine.most == 3


@pytest.mark.parametrize("seed", range(20))
async def test_no_place_is_lost_whoever_leaves_and_whenever(
    world: Build, eventually: Eventually, seed: int
) -> None:
    chance = random.Random(seed)
    here = world(places=3, waiting=12)
    tasks: dict[str, asyncio.Task[int]] = {}
    for number in range(300):
        name = str(number)
        tasks[name] = here.ask(name, chance.choice("pqr"), candidates=chance.choice((1, 1, 1, 2)))
        if chance.random() < 0.5:
            await asyncio.sleep(0)
        if chance.random() < 0.4:
            tasks[chance.choice(list(tasks))].cancel()
        if here.engine.running and chance.random() < 0.6:
            here.engine.end(chance.choice(here.engine.running))
        assert len(here.engine.running) <= 3
        assert here.lane.queued <= 12
    for name in tasks:
        here.engine.end(name)
    for task in tasks.values():
        with suppress(asyncio.CancelledError, ApiError):
            await task

    assert (here.lane.taken, here.lane.queued, here.engine.running) == (0, 0, [])
    last = [here.ask(f"last {number}") for number in range(3)]
    await eventually(lambda: len(here.engine.running) == 3)
    for number in range(3):
        here.engine.end(f"last {number}")
    assert await asyncio.gather(*last) == [2, 2, 2]
