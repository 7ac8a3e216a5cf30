from perfexp.records import Failure, FailureKind
from perfexp.store.notes import cell_note, escaped


def test_a_message_fetches_no_image_and_a_command_stays_one_block() -> None:
    failure = Failure(FailureKind.RAISED, "no ![x](http://elsewhere/x) <img src=y>")
    note = cell_note(failure, "perfexp 'experiment=a\n\r![x](http://elsewhere/x)'")
    message, _, command = note.partition("\n\nTo measure it again:\n\n")
    assert r"no !\[x\](http://elsewhere/x) \<img src=y\>" in message
    assert all(line.startswith("    ") for line in command.splitlines())
    assert "![x]" in command


def test_a_sentence_about_a_name_stays_one_line_without_links() -> None:
    assert escaped("the fastest is [x](y)\n# now") == r"the fastest is \[x\](y) # now"
