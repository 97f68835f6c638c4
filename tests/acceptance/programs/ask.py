"""Ask an OpenAI endpoint for completions, and write what it says to `answers.json` in the working directory.

    ask.py URL MODEL NUMBER [NAME=METRICS-URL...]

Every prompt is another one. Afterwards each METRICS-URL is read into `NAME.txt`. Exit 1 if an answer is empty.
"""

import json
import sys
import urllib.request
from pathlib import Path

TOKENS = 8


def completion(url: str, model: str, prompt: str) -> dict[str, object]:
    """Return the endpoint's own record of one completion."""
    body = {"model": model, "prompt": prompt, "max_tokens": TOKENS, "temperature": 0, "ignore_eos": True}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/completions", json.dumps(body).encode(), headers)  # noqa: S310 - the job names it
    with urllib.request.urlopen(request, timeout=180) as response:  # noqa: S310 - as above
        found: dict[str, object] = json.load(response)
    return found


def main(words: list[str]) -> int:
    """Ask, write the files, and return the exit status."""
    url, model, number, *metrics = words
    prompts = [f"{number} birds sit in the tree, and what do they say to one another" for number in range(int(number))]
    answers = [completion(url, model, prompt) for prompt in prompts]
    Path("answers.json").write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")
    for name, place in (word.split("=", 1) for word in metrics):
        with urllib.request.urlopen(place, timeout=60) as response:  # noqa: S310 - as above
            Path(f"{name}.txt").write_bytes(response.read())
    texts = [answer["choices"][0]["text"] for answer in answers]  # type: ignore[index]  # OpenAI's record
    print(f"{sum(map(bool, texts))} of {len(texts)} answered")
    return 0 if all(texts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
