from math import isnan

from perfexp.sweep.jobs import grid


def test_the_last_key_of_a_grid_changes_fastest() -> None:
    assert grid.union([{"model": ["a", "b"], "batch_size": ["1", "8"]}]) == [
        {"model": "a", "batch_size": "1"},
        {"model": "a", "batch_size": "8"},
        {"model": "b", "batch_size": "1"},
        {"model": "b", "batch_size": "8"},
    ]


def test_what_two_grids_share_comes_once_and_first() -> None:
    jobs = grid.union([{"a": ["1", "2", "1"], "b": ["x"]}, {"b": ["x", "y"], "a": ["2"]}])
    assert jobs == [{"a": "1", "b": "x"}, {"a": "2", "b": "x"}, {"a": "2", "b": "y"}]


def test_an_exclusion_must_match_whole() -> None:
    jobs = grid.union([{"model": ["vgg11", "vgg19", "resnet18"], "batch_size": ["1", "32", "64"]}])
    left = grid.without(jobs, [{"model": "vgg*", "batch_size": "32, 64"}, {"model": "resnet18"}], {})
    assert left == [{"model": "vgg11", "batch_size": "1"}, {"model": "vgg19", "batch_size": "1"}]


def test_an_exclusion_sees_what_all_jobs_share() -> None:
    jobs = [{"model": "a", "backend": "'fake'"}, {"model": "a"}]
    assert grid.without(jobs, [{"backend": "fake"}], {"backend": "torch"}) == [{"model": "a"}]
    assert grid.without(jobs, [{"backend": "torch"}], {"backend": "torch"}) == [jobs[0]]


def test_cheap_models_first_small_batches_first_unknown_ones_last_as_given() -> None:
    jobs = grid.union([{"model": ["big", "odd", "small"], "backend": ["p", "q"], "batch_size": ["8", "1"]}])
    ordered = grid.by_cost(jobs, {"big": 9.0, "small": 1.0})
    assert [(job["model"], job["backend"], job["batch_size"]) for job in ordered] == [
        *(("small", "p", "1"), ("small", "q", "1"), ("small", "p", "8"), ("small", "q", "8")),
        *(("big", "p", "1"), ("big", "q", "1"), ("big", "p", "8"), ("big", "q", "8")),
        *(("odd", "p", "8"), ("odd", "p", "1"), ("odd", "q", "8"), ("odd", "q", "1")),
    ]


def test_cost_is_that_of_the_batch() -> None:
    assert grid.cost({"model": "timm", "model.name": "vit", "batch_size": "8"}, {"vit": 2.0}) == 16.0
    assert isnan(grid.cost({"model": "vit"}, {}))
    assert isnan(grid.cost({"batch_size": "many"}, {"": 1.0}))
