"""Say a word.

perfexp toy word=hello
"""

from dataclasses import dataclass

from perfexp.config.options import option


@dataclass
class Config:
    """What to say."""

    word: str = option("nothing", "the word")


def main(settings):
    print(f"toy: {settings.word}")
