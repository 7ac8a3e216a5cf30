"""Answers as ``sacct -o JobID,State,NodeList --parsable2 -j ID …`` does, from ``scontrol show job``.

The test's cluster keeps no accounts. Array tasks that wait are one record there, ``7_[2-5]`` here.
"""

import re
import subprocess
import sys


def lines(job: str) -> list[str]:
    """One line a record of the job, or of each task of its array."""
    done = subprocess.run(
        ["scontrol", "--oneliner", "show", "job", job], capture_output=True, text=True, check=False
    )
    return [_line(record) for record in done.stdout.splitlines() if "JobId=" in record]


def _line(record: str) -> str:
    fields = dict(re.findall(r"(\S+?)=(\S*)", record))
    job = fields["JobId"]
    if "ArrayJobId" in fields:
        task = fields.get("ArrayTaskId", "")
        task = re.sub(r"%\d+", "", task)
        job = f"{fields['ArrayJobId']}_{task if task.isdigit() else f'[{task}]'}"
    return f"{job}|{fields['JobState']}|{fields.get('NodeList', '')}"


if __name__ == "__main__":
    asked = [value for flag, value in zip(sys.argv, sys.argv[1:], strict=False) if flag == "-j"]
    print("\n".join(["JobID|State|NodeList", *(line for job in asked for line in lines(job))]))
