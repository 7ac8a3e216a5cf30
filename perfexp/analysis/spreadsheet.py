"""Tables as CSV that people open in spreadsheets."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(frame: "pd.DataFrame") -> str:
    """Return the table as CSV, in which text that a spreadsheet would compute begins with an apostrophe."""
    columns = frame.select_dtypes(exclude=["number", "bool", "datetime"])
    text = {name: column.astype(object).map(_plain) for name, column in columns.items()}
    return frame.assign(**{str(name): column for name, column in text.items()}).to_csv(index=False)


def _plain(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
