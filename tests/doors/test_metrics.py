"""What is counted can be read by Prometheus."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from geminid.settings import Safety


async def test_calls_and_failures_are_told(start: Any, tmp_path: Any) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rules]]\nwhen = "x"\nfail = {code = "INTERNAL"}\n')
    server = await start({"chunks": ["Well."]}, safety=Safety(rater=f"scripted:{rules}"))
    for model in ("gemini-1.5-flash-001", "gemini-none"):
        await server.post(f"{model}:generateContent", {"contents": {"parts": {"text": "x"}}})

    async with server.session.get(f"{server.url}/metrics") as response:
        families = text_string_to_metric_families(await response.text())

    found = {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}
    assert found["geminid_calls_running",] == 0
    assert found["geminid_calls_total", "OK"] == 1
    assert found["geminid_calls_total", "NOT_FOUND"] == 1
    assert found["geminid_rater_failures_total", "scripted"] == 1
    assert found["geminid_usage_records_lost_total",] == 0
