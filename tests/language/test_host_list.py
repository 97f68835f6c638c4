"""Host lists come out as `scontrol show hostnames` prints them (Slurm 22.05)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynplan.language.host_list import LONGEST, expand


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("node[8-10,12],x", "node8 node9 node10 node12 x"),
        ("a[1-2]b[01-02]", "a1b01 a1b02 a2b01 a2b02"),
        ("n[1-3]x[1-2]", "n1x1 n1x2 n2x1 n2x2 n3x1 n3x2"),
        ("n[01-03]", "n01 n02 n03"),
        ("n[08-12]", "n08 n09 n10 n11 n12"),
        ("n[001-3]", "n001 n002 n003"),
        ("n[8-010]", "n8 n9 n10"),
        ("n[1,3-4]", "n1 n3 n4"),
        ("n[1-2],n[2-3]", "n1 n2 n2 n3"),
        ("rack[1-2]-gpu[1-2]", "rack1-gpu1 rack1-gpu2 rack2-gpu1 rack2-gpu2"),
        # Slurm takes these for no host list.
        ("node-[a-c]", "node-a node-b node-c"),
        ("n[ 1-2 ]", "n1 n2"),
        (" a , b ", "a b"),
    ],
)
def test_a_host_list_is_expanded_in_its_order(text: str, hosts: str) -> None:
    assert expand(text) == tuple(hosts.split())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "`` is not a host name or a host list"),
        ("a,,b", "`` is not a host name or a host list"),
        ("n[1-3", "`n[1-3` is not a host name or a host list"),
        ("n]1[", "`n]1[` is not a host name or a host list"),
        ("n[2-1]", "`[2-1]` in `n[2-1]` is not a range"),
        ("n[c-a]", "`[c-a]` in `n[c-a]` is not a range"),
        ("n[1--3]", "`[1--3]` in `n[1--3]` is not a range"),
        ("n[]", "`[]` in `n[]` is not a range"),
        ("n[1;reboot]", "`[1;reboot]` in `n[1;reboot]` is not a range"),
        ("-n", "`-n` is not a host name"),
        ("a b", "`a b` is not a host name"),
        ("$(id)", "`$(id)` is not a host name"),
        ("n[1-99999]", "`[1-99999]` in `n[1-99999]` is not a range"),
        ("n[1-9000]x[1-9]", "`n[1-9000]x[1-9]` names more than 65536 hosts"),
        ("n[1-40000,1-40000]", "`n[1-40000,1-40000]` names more than 65536 hosts"),
        (f"n[{'9' * 30}-{'9' * 31}]", f"`[{'9' * 30}-{'9' * 31}]` in `n[{'9' * 30}-{'9' * 31}]` is not a range"),
    ],
)
def test_what_is_no_host_list_is_told(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        expand(text)


def test_the_longest_list_is_as_long_as_a_job() -> None:
    assert len(expand(f"n[1-{LONGEST}]")) == LONGEST
    with pytest.raises(ValueError, match="names more than 65536 hosts"):
        expand(f"n[1-{LONGEST}],m")


@given(st.text(alphabet="n-[]0129,a ", max_size=20))
def test_any_text_is_a_list_of_names_or_told(text: str) -> None:
    try:
        hosts = expand(text)
    except ValueError as problem:
        assert str(problem)
    else:
        assert hosts
        assert all(host and host[0] not in "-[" and not set(host) & set("[], ") for host in hosts)
