"""From files to one set of tables: whose keys are spelled anew, and whose are left alone."""

from typing import Any

import pytest

from dynplan.diagnostics import InputError
from dynplan.language import parse, resolve


def resolved(text: str) -> Any:
    return resolve([parse("job.toml", text.encode())])


def test_keys_of_the_language_get_dashes_and_the_users_keys_stay() -> None:
    text = """
[roles.my_role]
gpus_per_worker = 1
args = { max_model_len = 4 }
env = { HF_HOME = "/hf" }
ready = { port = "http", post = { max_tokens = 4 } }
ports = { kv_events = { base = 1, count = 2 } }
"""
    assert resolve([parse("job.toml", text.encode())])["roles"] == {
        "my_role": {
            "gpus-per-worker": 1,
            "args": {"max_model_len": 4},
            "env": {"HF_HOME": "/hf"},
            "ready": {"port": "http", "post": {"max_tokens": 4}},
            "ports": {"kv_events": {"base": 1, "count": 2}},
        }
    }


def test_vars_may_use_one_another_in_any_order() -> None:
    text = '[vars]\nmodel = "Qwen/{vars.size}"\nsize = "{vars.n}B"\nn = 7\n[roles.a]\ncommand = ["x", "{vars.model}"]\n'
    assert resolved(text)["roles"]["a"]["command"] == ["x", "Qwen/7B"]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('a = "{vars.b}"\nb = "{vars.a}"', ["D121 `vars.a` stands for itself: `a` -> `b` -> `a`"]),
        ('a = "{vars.a}"', ["D121 `vars.a` stands for itself: `a` -> `a`"]),
        ('model = "x"\nb = "{vars.modle}"\nc = "{vars.b}{vars.b}"', ["D123 there is no `{vars.modle}`"]),
        (
            'v0 = "0123456789"\n' + "\n".join(f'v{n} = "{{vars.v{n - 1}}}{{vars.v{n - 1}}}"' for n in range(1, 25)),
            ["D107 `vars.v17` comes to 1310720 characters"],
        ),
    ],
)
def test_vars_that_name_themselves_or_nothing_are_errors(lines: str, told: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        resolved(f"[vars]\n{lines}\n")
    assert [f"{finding.code} {finding.message}" for finding in caught.value.findings] == told


def test_a_phase_with_a_shell_command_takes_no_options_of_the_default_command() -> None:
    text = """
[phase-defaults]
command = ["aiperf", "profile"]
timeout = "5m"
args = { url = "x" }
extra-args = ["--ui", "none"]
[phases.load]
args = { concurrency = 2 }
[phases.accuracy]
command = "lm_eval --tasks mmlu"
[phases.own]
command = "run"
args = { k = 1 }
"""
    phases = resolved(text)["phases"]
    assert phases["load"]["args"] == {"url": "x", "concurrency": 2}
    assert phases["accuracy"] == {"command": "lm_eval --tasks mmlu", "timeout": "5m"}
    assert phases["own"]["args"] == {"k": 1}
    assert "extra-args" not in phases["own"]
