from perfexp.config.schema import MeasureConfig, Protocol, as_protocol, flatten


def test_flatten_joins_keys_by_dots() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": 2}}, "e": 3}) == {"a.b": 1, "a.c.d": 2, "e": 3}


def test_the_studys_protocol_is_ten_batches_whatever_else_is_asked() -> None:
    plan = as_protocol(MeasureConfig(protocol=Protocol.study, min_iterations=50, warmup_iterations=9))
    assert (plan.min_iterations, plan.max_iterations) == (10, 10)
    assert (plan.warmup_iterations, plan.warmup_s, plan.warmup_max_s) == (0, 0.0, 0.0)
    assert as_protocol(MeasureConfig(min_iterations=50)) == MeasureConfig(min_iterations=50)
