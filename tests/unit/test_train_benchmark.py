"""What ``python -m benchmarks train`` measures, as a table."""

import pytest

from benchmarks import train

FIGURES = {
    "pipeline": 30000.0, "step": 800.0, "ours": 760.0, "float32": 500.0, "baseline": 190.0,
    "pipeline of step": 0.0267, "times as fast": 4.0,
}  # fmt: skip


def test_the_table_says_what_was_measured():
    machine = {"cores": "2", "processor": "a processor"}
    result = {"machine": machine, "rounds": 3, "batches": 4, "models": {"mini_xception": FIGURES}}
    table = train.to_markdown(result)
    assert "2 cores, a processor" in table and "medians of 3 rounds" in table
    assert "| our input pipeline alone | 30000 |" in table
    assert "| pipeline, of a step's time | 2.7% |" in table
    assert "| ours, times as fast | 4.0 |" in table
    assert "Backends" not in table
    tried = {"tensorflow": {"mixed_bfloat16": 760.0, "float32": 500.0}, "jax": {"float32": 40.4}}
    table = train.to_markdown(result | {"backends": {"mini_xception": tried}})
    assert "| tensorflow, mixed_bfloat16 | 760 |" in table and "| jax, float32 | 40 |" in table


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_way_is_measured(monkeypatch):
    monkeypatch.setattr(train, "MODELS", ("mini_xception",))
    monkeypatch.setattr(train, "BACKENDS", ("tensorflow", "nothing_of_the_kind"))
    result = train.run_train(rounds=1, batches=2)
    (figures,) = result["models"].values()
    assert figures.keys() == FIGURES.keys()
    assert all(value > 0 for value in figures.values())
    (tried,) = result["backends"].values()
    assert tried.keys() == {"tensorflow"} and all(rate > 0 for rate in tried["tensorflow"].values())
