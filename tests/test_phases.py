from perfexp.phases import Phases


def test_phases_add_up() -> None:
    ticks = iter([0.0, 1.0, 10.0, 12.5])
    phases = Phases(lambda: next(ticks))
    for _ in range(2):
        with phases.timed("load"):
            pass
    assert phases.seconds == {"load": 3.5}
