"""Ask a chat endpoint some questions and write `accuracy_results.csv`, one row per question.

It takes the client's own `--model`, `--url` and `--artifact-dir` and ignores other
options, so both may share one table of arguments. Exit 1 if any answer is empty.
"""

import argparse
import csv
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

COLUMNS = ("question", "answer_length", "seconds", "ok", "error")
Row = tuple[str, int, str, bool, str]


def answer(url: str, model: str, question: str) -> str:
    """Return what the model answers to one question.

    Raises:
        OSError: the endpoint is not there or refuses.
        ValueError, LookupError: it answers something else than a completion.
    """
    message = {"role": "user", "content": question}
    body = json.dumps({"model": model, "messages": [message], "max_tokens": 32}).encode()
    request = urllib.request.Request(  # noqa: S310 - the caller names the endpoint
        f"{url}/v1/chat/completions", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - as above
        return str(json.load(response)["choices"][0]["message"]["content"] or "")


def ask(url: str, model: str, question: str) -> Row:
    """Return the row of one question."""
    start, text, error = time.monotonic(), "", ""
    try:
        text = answer(url, model, question)
    except (OSError, ValueError, LookupError) as failure:
        error = f"{type(failure).__name__}: {failure}"
    return question, len(text), f"{time.monotonic() - start:.3f}", bool(text.strip()), error


def main(words: list[str]) -> int:
    """Ask every question, write the file, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--artifact-dir", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=10)
    options, _ = parser.parse_known_args(words)
    rows = [ask(options.url, options.model, f"What is {i} plus {i}?") for i in range(options.questions)]
    options.artifact_dir.mkdir(parents=True, exist_ok=True)
    with (options.artifact_dir / "accuracy_results.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    failed = sum(not ok for *_, ok, _ in rows)
    print(f"{len(rows) - failed} of {len(rows)} questions answered")
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
