"""From files to one set of tables: whose keys are spelled anew, and whose are left alone."""

from dynplan.parse import parse
from dynplan.source import resolve


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
