"""Make a model directory with a tokenizer and no weights: `make_model.py DIRECTORY`.

Neither the mock engine nor vLLM with `--load-format dummy` loads weights, but they, the frontend and the client
need a configuration, a tokenizer and a chat template. The mock engine answers with random token ids below about
1700, so a smaller vocabulary would give empty answers. Everything here is spelled out, nothing is trained: the same
bytes on every machine.
"""

import json
import sys
from itertools import product
from pathlib import Path
from string import ascii_lowercase

SPECIAL = ["<|pad|>", "<|start|>", "<|end|>"]
PAD, START, END = SPECIAL
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    f"{START}{{{{ message['role'] }}}}\n{{{{ message['content'] }}}}{END}\n"
    "{% endfor %}"
    f"{{% if add_generation_prompt %}}{START}assistant\n{{% endif %}}"
)


def byte_letters() -> list[str]:
    """The 256 letters that stand for bytes in a byte-level BPE (GPT-2's table: printable bytes are themselves)."""
    printable = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(spare)) for byte in range(256)]


def merges(space: str) -> list[tuple[str, str]]:
    """Every pair of small letters, every such pair with a vowel after it, and a space before each letter."""
    pairs = list(product(ascii_lowercase, ascii_lowercase))
    triples = [(a + b, vowel) for (a, b), vowel in product(pairs, "aeiou")]
    return [*((space, letter) for letter in ascii_lowercase), *pairs, *triples]


def tokenizer() -> dict[str, object]:
    """A byte-level BPE of about 4300 tokens in the `tokenizer.json` format of Hugging Face's tokenizers."""
    letters = byte_letters()
    rules = merges(letters[ord(" ")])
    words = [*SPECIAL, *letters, *(a + b for a, b in rules)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "added_tokens": [{"id": i, "content": word, **flags} for i, word in enumerate(SPECIAL)],
        "pre_tokenizer": byte_level,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "vocab": {word: i for i, word in enumerate(words)},
            "merges": [" ".join(rule) for rule in rules],
        },
    }


def config(vocabulary: int) -> dict[str, object]:
    """A very small Llama: the mock engine derives the size of a KV block from it, vLLM makes weights up."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,  # of 32 numbers each, the least that vLLM's attention on CPUs takes
        "num_key_value_heads": 2,
        "max_position_embeddings": 32768,
        "torch_dtype": "bfloat16",
        "pad_token_id": SPECIAL.index(PAD),
        "bos_token_id": SPECIAL.index(START),
        "eos_token_id": SPECIAL.index(END),
    }


def files() -> dict[str, dict[str, object]]:
    """Every file of the directory, by name."""
    vocabulary = len(SPECIAL) + 256 + len(merges(" "))
    return {
        "config.json": config(vocabulary),
        "generation_config.json": {"eos_token_id": SPECIAL.index(END)},
        "tokenizer.json": tokenizer(),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": 32768,
            "pad_token": PAD,
            "bos_token": START,
            "eos_token": END,
            "chat_template": CHAT_TEMPLATE,
        },
    }


def write(directory: Path) -> None:
    """Write the model into `directory`, which is made if it is not there."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (directory / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
