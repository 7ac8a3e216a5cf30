from dataclasses import replace

from perfexp.charts import colours


def test_a_familys_look_does_not_depend_on_the_others(study, build) -> None:
    everything = colours.families(study)
    few = colours.families(build(["torch"], count=5))
    assert {family: everything[family] for family in few} == few


def test_no_two_families_look_alike(study) -> None:
    looks = [look for family, look in colours.families(study).items() if family]
    assert len(looks) == 11
    assert len(set(looks)) == 11


def test_spelling_does_not_change_the_look(study) -> None:
    plain = study.runs.assign(family=study.runs["family"].astype(str).str.lower().str.replace(" ", "_"))
    looks, spelled = colours.families(study), colours.families(replace(study, runs=plain))
    assert spelled["wide_resnet"] == looks["Wide ResNet"]


def test_beyond_the_looks_the_smaller_families_share_the_grey(build) -> None:
    results = build(["torch"], count=400)
    looks = colours.families(results)
    sizes = results.runs.drop_duplicates("model")["family"].value_counts()
    coloured = [family for family, look in looks.items() if look != colours.OTHER]
    assert len(coloured) == len({looks[family] for family in coloured}) == 18
    assert min(sizes[family] for family in coloured) >= max(
        sizes[family] for family, look in looks.items() if family and look == colours.OTHER
    )


def test_a_run_without_family_is_grey(study) -> None:
    assert colours.families(replace(study, runs=study.runs.assign(family=None)))[""] == colours.OTHER
