"""What a probe sees, and that it tells so: functions of the program in every bash here, against servers of ours."""

import os
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynplan.emitter.quote import word
from tests.launch.lab import bash_version, bashes, program_parts

BASHES = [pytest.param(bash, id=bash_version(bash)) for bash in bashes()]
UTF_8 = {**os.environ, "LC_ALL": "C.UTF-8"}
UP = b"HTTP/1.1 200 OK\r\n"
Serve = Callable[[socket.socket], None]


@contextmanager
def server(serve: Serve, host: str = "127.0.0.1") -> Iterator[int]:
    """Serve each connection of a port by a function; its end closes the connection."""
    listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    serve(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def answering(*pieces: bytes, keep: bool = False) -> Serve:
    """Read a request and send an answer in pieces, each in a packet; `keep` leaves the connection open."""

    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += connection.recv(4096)
        for piece in pieces:
            connection.sendall(piece)
            threading.Event().wait(0.001)
        if keep:
            connection.recv(1)

    return serve


def asked(bash: Path, *words: object, ip: str = "127.0.0.1") -> tuple[bool, str]:
    """Ask one probe of a worker that lives: does it hold, and what has it seen?"""
    program = [
        *(program_parts()[name] for name in ("plan", "probes", "http", "task")),
        f"declare -A fact=([brace]='{{') row=([ip]={ip})",
        "probe_words=() probe_first=() probe_size=() exports=() child=$$",
        "exec {quiet}<> <(:) 4<> <(:)",
        "probe ready 60 " + " ".join(word(str(item)) for item in words),
        'if ask 0; then echo "holds"; else explain_refusal; printf "%s" "$seen"; fi',
    ]
    done = subprocess.run([bash, "-c", "\n".join(program)], capture_output=True, check=False, env=UTF_8)
    assert done.stderr == b""
    text = done.stdout.decode(errors="replace")
    return text == "holds\n", text


def held(bash: Path, serve: Serve, *words: object) -> bool:
    with server(serve) as port:
        return asked(bash, "http", port, "/health", *words)[0]


def seen(bash: Path, serve: Serve, *words: object) -> str:
    with server(serve) as port:
        holds, text = asked(bash, "http", port, "/health", *words)
        assert not holds
        return text


# A limit that is over: what the last try met (a server on the loopback address, a redirect, a proxy in front)


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_a_port_that_is_open_on_the_loopback_address_only_is_named_so(bash: Path, kind: str) -> None:
    rest = ["/health"] if kind == "http" else []
    only = "connection refused: the port is open on the loopback address only"
    for host in ("127.0.0.1", "::1"):
        with server(answering(UP), host) as port:
            assert asked(bash, kind, port, *rest, ip="127.0.0.2") == (False, only)
    with server(answering(UP), "127.0.0.127") as port:
        assert asked(bash, kind, port, *rest) == (False, only)
    assert asked(bash, kind, port, *rest) == (False, "connection refused: nothing listens on the port")


@pytest.mark.parametrize(
    ("answer", "words", "text"),
    [
        ([b"HTTP/1.1 301 Moved\r\nLocation: /v1/health\r\n\r\n"], [], "status 301 Moved, to /v1/health"),
        ([b"HTTP/1.0 404 Not Found\r\n\r\nno\tsuch\npath"], [], "status 404 Not Found: no such path"),
        ([b"HTTP/1.1 502\n\n<html>", b"nginx"], [], "status 502: <html>nginx"),
        ([UP + b"\r\n{}"], ["status=204"], "status 200 OK: {}"),
        ([UP + b"\r\n" + "é".encode() * 500], ["body=up"], "status 200, and the body does not match: " + "é" * 109),
        ([], [], "connected, and the connection was closed without an answer"),
        ([b"SSH-2.0-x 200\r\n"], [], "connected, and what answers is no HTTP: SSH-2.0-x 200"),
        ([b"x 200"], [], "connected, and what answers is no HTTP: x 200"),
        ([b"HTTP/1.1 2000 OK\r\n\r\n"], [], "connected, and what answers is no HTTP: HTTP/1.1 2000 OK"),
        ([b"HTTP/1.1 200OK\r\n\r\n"], [], "connected, and what answers is no HTTP: HTTP/1.1 200OK"),
    ],
)
def test_what_an_answer_lacks_is_told(answer: list[bytes], words: list[str], text: str) -> None:
    assert seen(bashes()[0], answering(*answer), *words) == text


@pytest.mark.parametrize("bash", BASHES)
def test_a_server_that_never_answers_is_told_from_one_that_is_not_there(bash: Path) -> None:
    assert seen(bash, answering(keep=True)) == "connected, and no answer within 3 s"


@pytest.mark.parametrize("bash", BASHES)
def test_a_command_that_does_not_hold_is_told_by_its_status(bash: Path) -> None:
    assert asked(bash, "command", "true") == (True, "holds\n")
    assert asked(bash, "command", "bash", "-c", "echo >&4; exit 7") == (False, "status 7")
    assert asked(bash, "command", "/no/such/program") == (False, "status 127")
    assert asked(bash, "log", "never") == (False, "no line matches")


# Only HTTP is HTTP, and all of it (a body in chunks; a connection that stays open)


BODY = '{"status": "up"}'
CHUNKED = UP + b"Transfer-Encoding: chunked\r\n\r\n"
LONG = 1_000_000


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize(
    "pieces",
    [
        [CHUNKED + b'9\r\n{"status"\r\n7;x=1\r\n: "up"}\r\n0\r\n\r\n'],
        [CHUNKED, b"9\r\n", b'{"status"', b"\r\n", b'007\r\n: "up"}', b"\r\n0\r\nTrailer: x\r\n\r\n"],
        [UP + b"transfer-ENCODING:chunked\r\n\r\n", *(f"1\r\n{sign}\r\n".encode() for sign in BODY)],
        [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + UP + b"\r\n" + BODY.encode()],
        [b"HTTP/1.0 200\n", b"A: b\n\n", *(sign.encode() for sign in BODY)],
        [UP + b"\r\n\0\0" + BODY.encode() + b"\0"],
        [CHUNKED + b"4\r\na\0b\0\r\n10\r\n" + BODY.encode() + b"\r\n0\r\n\r\n"],
        [UP + b"Content-Length: 1000016\r\n\r\n" + b"x" * LONG + BODY.encode()],
        [b"HTTP/1.1 200 " + b"x" * 7000 + b"\r\nX: " + b"y" * 20000 + b"\r\n\r\n" + BODY.encode()],
    ],
)
def test_a_body_is_found_however_it_comes(bash: Path, pieces: list[bytes]) -> None:
    assert held(bash, answering(*pieces), 'body="status": "up"')
    assert not held(bash, answering(*pieces), "body=down")


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize(
    "head", ["Content-Length: 2\r\n\r\nup", "Transfer-Encoding: chunked\r\n\r\n2\r\nup\r\n0\r\n\r\n"]
)
def test_a_connection_that_stays_open_is_not_waited_for(bash: Path, head: str) -> None:
    """Fifty answers, where two seconds for each would be too much."""
    with server(answering(UP + head.encode(), keep=True)) as port:
        program = "\n".join(
            [*(program_parts()[name] for name in ("plan", "probes", "http")), "declare -A row=([ip]=127.0.0.1)"]
        )
        each = f"ask_http {port} /health body=up 4>/dev/null 3>&- || exit 1"
        done = subprocess.run(
            [bash, "-c", f"{program}\nfor ((n = 0; n < 50; n++)); do\n{each}\ndone"], check=False, timeout=40
        )
    assert done.returncode == 0


@pytest.mark.parametrize("bash", BASHES)
def test_an_ipv6_address_stands_in_brackets_in_the_request(bash: Path) -> None:
    def serve(connection: socket.socket) -> None:
        host = f"\r\nHost: [::1]:{connection.getsockname()[1]}\r\n".encode()
        request = b""
        while b"\r\n\r\n" not in request:  # bash writes a line at a time
            request += connection.recv(4096)
        connection.sendall(UP + b"\r\n" if host in request else b"HTTP/1.1 400 Bad\r\n\r\n")

    with server(serve, "::1") as port:
        assert asked(bash, "http", port, "/health", ip="::1") == (True, "holds\n")
        assert asked(bash, "tcp", port, ip="::1") == (True, "holds\n")


@pytest.mark.parametrize("bash", BASHES)
def test_an_answer_that_comes_slowly_is_waited_for(bash: Path) -> None:
    head = UP + b"Content-Length: 2\r\n\r\n"

    def serve(connection: socket.socket) -> None:
        for piece in (head[:5], head[5:30], head[30:], b"u", b"p"):
            threading.Event().wait(0.2)
            connection.sendall(piece)
        connection.recv(4096)

    assert held(bash, serve, "body=^up$")


@settings(max_examples=30)
@given(st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 ", b"HTTP/1.1 200", b"HTTP/1.1 200 \r\n", CHUNKED]))
def test_nothing_but_an_answer_by_http_is_ready(sent: bytes, before: bytes) -> None:
    line = (before + sent).replace(b"\0", b"").partition(b"\n")[0].strip(b" \t").removesuffix(b"\r")
    is_http = (
        line[:9] in (b"HTTP/1.0 ", b"HTTP/1.1 ")
        and line[9:].lstrip(b" ")[:3] == b"200"
        and line[9:].lstrip(b" ")[3:4] in (b"", b" ")
    )
    assert held(bashes()[0], answering(before + sent)) == is_http


# The log of a worker: one that writes without end, one that is cut


def reading(bash: Path, folder: Path, steps: str, *, pattern: str = "", probe: str = "") -> list[str]:
    """Do steps beside a worker that has its log open as workers have: `write TEXT` lets it write, `look` reads."""
    program = f"""
{program_parts()["plan"]}
{program_parts()["probes"]}
{program_parts()["logs"]}
declare -A fact=([brace]='{{') row=()
probe_words=() probe_first=() probe_size=() open=() who='role worker 0'
fail_on_log={word(pattern)}
blame() {{ printf '%s\\n' "$*"; }}
if [[ -n {word(probe)} ]]; then
	probe ready 60 log {word(probe)}
	open_probes ready
fi
: >log
exec {{to_worker}}> >(exec >>log; while IFS= read -r text; do printf '%b' "$text"; echo >done; done)
child=$!
write() {{
	rm -f done
	echo "$1" >&"$to_worker"
	until [[ -e done ]]; do :; done
}}
look() {{
	while read_log; do echo more; done
	echo "open: ${{!open[*]}}"
}}
exec {{log_in}}<log
{steps}
"""
    done = subprocess.run([bash, "-c", program], cwd=folder, capture_output=True, check=False, env=UTF_8, timeout=60)
    assert done.stderr == b""
    return done.stdout.decode(errors="replace").splitlines()


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize("cut", [": >log", "truncate -s 4 log", "cp log log.1; : >log"])
def test_a_log_that_was_cut_is_read_anew(bash: Path, cut: str, tmp_path: Path) -> None:
    steps = f"write 'one\\nlonger than what comes behind\\n'; look; {cut}; look; write 'a panic\\n'; look; look"
    told = ["open: ", "open: ", "72 the log says: a panic", "open: ", "open: "]
    assert reading(bash, tmp_path, steps, pattern="panic") == told


@pytest.mark.parametrize("bash", BASHES)
def test_a_log_that_was_cut_while_we_lag_is_read_anew(bash: Path, tmp_path: Path) -> None:
    fill = r"write ''; printf 'line %d\n' {1..300000} >>log; write 'x\n'; read_log && echo lags"
    steps = f"{fill}; : >log; write 'a panic\\n'; look"
    assert reading(bash, tmp_path, steps, pattern="panic") == ["lags", "72 the log says: a panic", "open: "]


@pytest.mark.parametrize("bash", BASHES)
def test_a_log_that_others_write_to_or_that_was_moved_is_read_once(bash: Path, tmp_path: Path) -> None:
    steps = """
write 'one\\n'; look
echo 'two' >>log; look
mv log other; : >log; look
write 'dynplan: worker 0, GPUs []: panic\\nthree, no panic'; look
look
"""
    told = ["open: 0"] * 3 + ["72 the log says: three, no panic", "open: 0", "open: 0"]
    assert reading(bash, tmp_path, steps, pattern="panic", probe="^t[^w]*two") == told


LINES = st.lists(st.sampled_from(["", "a", "b c", "é", "aa a", "\ufeff", "CUDA", "x" * 70000]), max_size=12)
REGEXES = ["a", "^a", "a$", "c|b", "[^a]b", "é", "(^|x)CUDA", "^x+$", "x{3}", "D$", "[^x]$"]


@pytest.mark.parametrize("bash", BASHES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.sampled_from(REGEXES), st.booleans())
def test_a_line_is_found_as_if_each_were_looked_at(
    bash: Path, tmp_path: Path, lines: list[str], regex: str, whole: bool
) -> None:
    text = "\n".join(lines) + "\n" * whole
    (tmp_path / "text").write_text(text)
    expected = any(re.search(regex, line) for line in text.split("\n"))
    found = reading(bash, tmp_path, "cat text >>log; look", probe=regex)[-1] == "open: "
    assert found == expected


@pytest.mark.parametrize("bash", BASHES)
def test_nothing_is_lost_of_a_long_log_and_each_look_is_bounded(bash: Path, tmp_path: Path) -> None:
    """A thousand times what a look takes would be a log that is never read to its end."""
    fill = "for n in {1..20}; do printf 'line %d of many that are of some length\\n' {1..10000}; done >>log"
    steps = f"{fill}; printf '\\0the la' >>log; look; printf 'st\\n' >>log; look"
    told = reading(bash, tmp_path, steps, pattern="^line 10001", probe="^the last$")
    assert told.count("more") >= 7
    assert [line for line in told if line != "more"] == ["open: 0", "open: "]
