import pandas as pd

from perfexp.analysis.accuracy import comparable, joined


def evaluations(*changes: dict[str, object]) -> pd.DataFrame:
    base = {
        "model": "resnet18",
        "source": "torchvision",
        "backend": "torch",
        "precision": "f32",
        "effective_input_size": 224,
        "dataset_digest": "photos",
        "host": "here",
        "batch_size": 32,
        "top1": 70.0,
        "top1_low": 65.0,
        "top1_high": 75.0,
        "top5": 90.0,
    }
    frame = pd.DataFrame([{**base, **change} for change in changes])
    return frame.assign(start_time=pd.to_datetime(range(len(frame)), unit="s", utc=True))


def test_the_newest_of_each_on_the_images_that_most_have_in_common() -> None:
    found = comparable(
        evaluations(
            {"top1": 1.0},
            {"top1": 2.0},
            {"precision": "int8", "top1": 3.0},
            {"precision": "int8", "dataset_digest": "others", "top1": 4.0},
            {"precision": "bf16", "host": "there", "top1": 5.0},
        )
    )
    assert found[["precision", "top1"]].values.tolist() == [["f32", 2.0], ["int8", 3.0]]


def test_no_evaluations_stay_none() -> None:
    assert comparable(pd.DataFrame()).empty


def test_a_cell_gets_the_accuracy_of_its_own_backend_precision_and_input_size() -> None:
    known = comparable(evaluations({}, {"backend": "openvino", "precision": "int8", "top1": 60.0}))
    cells = pd.DataFrame(
        {
            "model": ["resnet18"] * 4,
            "source": ["torchvision"] * 4,
            "backend": pd.Categorical(["torch", "openvino", "openvino", "torch"]),
            "precision": ["f32", "int8", "f32", "f32"],
            "effective_input_size": [224.0, 224.0, 224.0, 32.0],
        },
        index=[7, 8, 9, 10],
    )
    found = joined(cells, known)
    assert found["top1"].fillna(-1).tolist() == [70.0, 60.0, -1.0, -1.0]
    assert found["top1_low"].notna().tolist() == [True, True, False, False]
    pd.testing.assert_frame_equal(found[cells.columns], cells)
