from hydra.errors import MissingConfigException

from perfexp.commands._app import _unknown_choice


def test_a_launcher_whose_extra_is_missing_names_it() -> None:
    missing = MissingConfigException("not found", "hydra/launcher/submitit_slurm", ["basic"])
    assert _unknown_choice(missing) == (
        "hydra/launcher needs what is not installed; pip install 'perfexp[slurm]'."
    )
