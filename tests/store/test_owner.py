import json
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from perfexp.store import owner


def test_this_process_lives_and_its_tag_reads_back() -> None:
    me = owner.this_process()
    assert owner.parse(me.text()) == me
    assert me.is_here and me.death(1e9) is None


def test_a_process_that_ended_is_gone_and_its_number_used_again_too() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as other:
        pass
    me = owner.this_process()
    assert "is gone" in str(replace(me, pid=other.pid).death())
    assert "is gone" in str(replace(me, started=me.started - 100).death())


def test_a_zombie_writes_no_more() -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", "import psutil; print(psutil.Process().create_time())"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    started = float(other.stdout.read())
    me = replace(owner.this_process(), pid=other.pid, started=started)
    while me.death() is None:  # between its last output and its end
        pass
    assert other.wait() == 0


def test_a_machine_that_started_anew_has_lost_its_writers() -> None:
    me = owner.this_process()
    assert "restart" in str(replace(me, boot="another").death())


@pytest.mark.parametrize("elsewhere", [{"host": "elsewhere"}, {"machine": "of the same name"}])
def test_another_machine_is_judged_by_how_long_it_was_seen_unchanged(elsewhere: dict[str, str]) -> None:
    """Neither by its process ids and starts, nor by its clock."""
    far = replace(owner.this_process(), pid=1, boot="another", heartbeat=0.0, **elsewhere)
    assert far.death() is None and far.death(owner.STALE_AFTER_S) is None
    assert "silent for 25 h" in str(far.death(25 * 3600))


def test_a_tag_that_is_none_of_ours_names_nobody() -> None:
    assert [owner.parse(text) for text in (None, "", "{}", "[1]", "x")] == [None] * 5


WRONG = ({"heartbeat": "soon"}, {"pid": "abc"}, {"pid": -1}, {"pid": 2**40}, {"started": float("inf")})


@pytest.mark.parametrize("change", WRONG)
def test_a_tag_that_names_no_process_is_nobodys(change: dict[str, object]) -> None:
    assert owner.parse(json.dumps({**asdict(owner.this_process()), **change})) is None
    assert owner.parse("[") is None and owner.parse("[1]") is None
