"""Text that is wrong before its content is: every rendering, and nothing but InputError for any bytes."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dynplan.diagnostics import Document, InputError
from dynplan.diagnostics.rendering import render
from dynplan.language import parse, parse_json


def failure(raw: bytes, read: Callable[[str, bytes], Document] = parse) -> str:
    with pytest.raises(InputError) as caught:
        read("job.toml", raw)
    return render(caught.value.findings, [])


def test_a_good_file_is_a_document_with_its_text_as_it_was() -> None:
    assert parse("job.toml", "a = 'é'\r\n".encode()) == Document("job.toml", "a = 'é'\r\n", {"a": "é"})
    assert parse("job.toml", "a = 'é'\r\n".encode()).data == {"a": "é"}
    assert parse_json("p.json", b'\n{"a": [1]}').data == {"a": [1]}


def test_a_slip_in_the_syntax_is_shown_where_it_is() -> None:
    assert failure(b"[job]\nname = demo\n") == (
        "error[D001]: `demo` is no value\n"
        " --> job.toml:2:8\n"
        "  |\n"
        "2 | name = demo\n"
        "  |        ^\n"
        '  = help: write `name = "demo"`\n'
    )


def test_a_key_set_twice_shows_the_second_one() -> None:
    assert failure(b"a = 1\r\n  a = 2\r\nb = 3\r\n") == (
        "error[D001]: this key or table stands here a second time\n"
        " --> job.toml:2:3\n"
        "  |\n"
        "2 |   a = 2\n"
        "  |   ^^^^^\n"
        "  = help: keep one of the two\n"
    )
    assert failure(b"[a]\n[a]\n").splitlines()[1:] == [
        " --> job.toml:2:1",
        "  |",
        "2 | [a]",
        "  | ^^^",
        "  = help: keep one of the two",
    ]


@pytest.mark.skipif("sys.version_info >= (3, 15)", reason="TOML 1.1 has inline tables over several lines")
def test_an_inline_table_over_several_lines_is_told_what_to_be() -> None:
    assert failure(b"args = {\n  a = 1\n}\n").splitlines()[1:] == [
        " --> job.toml:1:9",
        "  |",
        "1 | args = {",
        "  |         ^",
        "  = help: use a table of its own, such as `[roles.decode.args]`",
    ]


def test_a_file_that_ends_too_early_is_shown_at_its_last_line() -> None:
    assert failure(b"a = [1,\n  2\n\n\n") == (
        "error[D001]: a list is not closed\n --> job.toml:2:4\n  |\n2 |   2\n  |    ^\n  = help: close it with `]`\n"
    )


def test_bytes_that_are_not_utf_8_are_shown_as_bytes() -> None:
    assert failure("# é\na = 'é".encode() + b"\xff\xfe'") == (
        "error[D002]: byte 0xff is not UTF-8\n"
        " --> job.toml:2:7\n"
        "  |\n"
        "2 | a = 'é\\xff\\xfe'\n"
        "  |       ^^^^\n"
        "  = help: save the file as UTF-8\n"
    )


def test_a_byte_order_mark_is_made_visible() -> None:
    assert failure(b"\xef\xbb\xbfa = 1") == (
        "error[D002]: the file starts with a byte order mark\n"
        " --> job.toml:1:1\n"
        "  |\n"
        "1 | \\ufeffa = 1\n"
        "  | ^^^^^^\n"
        "  = help: save the file as UTF-8 without it\n"
    )


def test_a_nul_byte_is_made_visible() -> None:
    assert failure(b"a = \0").splitlines()[3:] == ["1 | a = \\x00", "  |     ^^^^"]


def test_numbers_that_could_not_be_printed_are_refused() -> None:
    told = failure(b"a = " + b"9" * 5000)
    assert told.startswith("error[D003]: a number has thousands of digits\n --> job.toml:1:1\n")
    assert failure(b"a = [1, 9_223_372_036_854_775_808]\n") == (
        "error[D003]: a number does not fit into 64 bits\n"
        " --> job.toml:1:9\n"
        "  |\n"
        "1 | a = [1, 9_223_372_036_854_775_808]\n"
        "  |         ^^^^^^^^^^^^^^^^^^^^^^^^^\n"
    )
    assert parse("job.toml", b"a = 9_223_372_036_854_775_807\nb = -9_223_372_036_854_775_808").data


def test_depth_is_limited_before_anything_recurses_over_it() -> None:
    too_deep = "error[D003]: the nesting is too deep\n --> job.toml:1:1\n"
    assert failure(b"a = " + b"[" * 100_000).startswith(too_deep)
    assert failure(b"[" * 100_000, parse_json).startswith(too_deep)
    assert failure(b"a" + b".a" * 100 + b" = 1").startswith("error[D003]: the nesting is deeper than 100 levels\n")
    assert parse("job.toml", b"a" + b".a" * 99 + b" = 1").data


def test_json_has_the_same_errors() -> None:
    assert failure(b'{"a":\n  nul}', parse_json) == (
        "error[D001]: expecting value\n --> job.toml:2:3\n  |\n2 |   nul}\n  |   ^\n"
    )
    assert failure(b"[]", parse_json) == (
        "error[D001]: the outermost value is not an object\n --> job.toml:1:1\n  |\n1 | []\n  | ^^\n"
    )
    assert failure(b'{"a": 1e5, "b": 18446744073709551616}', parse_json).startswith("error[D003]: a number")


def test_half_a_surrogate_pair_could_not_be_written_out_again() -> None:
    assert failure(b'{"a": "\\ud800", "\\udfff": 1}', parse_json) == (
        "error[D002]: a string has half a surrogate pair\n"
        " --> job.toml:1:7\n"
        "  |\n"
        '1 | {"a": "\\ud800", "\\udfff": 1}\n'
        "  |       ^^^^^^^^\n"
        "\n"
        "error[D002]: a key has half a surrogate pair\n"
        " --> job.toml:1:17\n"
        "  |\n"
        '1 | {"a": "\\ud800", "\\udfff": 1}\n'
        "  |                 ^^^^^^^^\n"
        "\n"
        "error: 2 errors\n"
    )


PIECES = st.lists(
    st.sampled_from([*"abe019_-+.=,:#[]{}\"'\\ \t\r\n", '"""', "'''", "\\u", "d8", "[[", "0x", "\0", "\ufeff", "é"]),
    max_size=30,
).map("".join)


@pytest.mark.parametrize("read", [parse, parse_json])
@given(raw=st.binary() | st.text().map(str.encode) | PIECES.map(str.encode))
@example(b"a = 1\n(at line 9, column 9)")
@example(b"[': line 9 column 9 (char 9)']\n[': line 9 column 9 (char 9)']")
def test_any_bytes_are_a_document_or_an_input_error(read: Callable[[str, bytes], Document], raw: bytes) -> None:
    try:
        read("job.toml", raw)
    except InputError as error:
        assert all(line.isprintable() for line in render(error.findings, []).split("\n"))
