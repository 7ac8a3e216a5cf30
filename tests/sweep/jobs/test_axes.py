from perfexp.config.overrides import unquoted
from perfexp.config.schema import SweepConfig
from perfexp.records import titled
from perfexp.sweep.jobs import axes


def told(job: dict[str, str], keys: list[str]) -> dict[str, str]:
    override = axes.override(job, keys)
    return SweepConfig(axes=unquoted(override["sweep.axes"]) if override else None).variant


def test_axes_are_the_keys_in_which_jobs_differ_besides_those_with_columns_of_their_own() -> None:
    jobs = [
        {"model": model, "batch_size": "1", "seed": "3", "input_size": "96", **more}
        for model in ("resnet18", "vgg16")
        for more in ({"backend.threads": "1"}, {"backend.threads": "2", "+backend.extra": "yes"})
    ]
    assert axes.varied(jobs) == ["backend.threads", "backend.extra"]
    assert axes.varied(jobs[:1]) == []
    assert told(jobs[1], axes.varied(jobs)) == {"backend.threads": "2", "backend.extra": "yes"}
    assert told(jobs[0], axes.varied(jobs)) == {"backend.threads": "1"}


def test_any_value_comes_back_as_it_was_typed() -> None:
    for value in ("/a b/c=d&e.pt", "${oc.env:HOME}", "é%41", "[1,2]", ""):
        assert told({"weights": f'"{value}"'}, ["weights"]) == {"weights": value}
        assert "$" not in axes.override({"weights": value}, ["weights"])["sweep.axes"]


def test_names_tell_the_last_part_of_a_key_and_a_path() -> None:
    assert titled("a", {"backend.threads": "2", "weights": "/x/my.pt"}) == "a threads=2 weights=my.pt"
    assert titled("a", {"x.size": "1", "y.size": "2"}) == "a x.size=1 y.size=2"
