"""Who gets in, and to what. Requests are bytes on a socket, as whoever means harm sends them."""

import contextlib
import http.client
import json
import re
import socket
import threading

import pytest

from primacy.engine.run import run
from primacy.records import live
from primacy.watch import server as servers
from primacy.watch.server import Server
from tests.support import tiny
from tests.support.waiting import until


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server of a folder in which nothing has begun."""
    with Server(tmp_path_factory.mktemp("watch") / "run").serving() as server:
        yield server


def asked(server, path="/", method="GET", **headers):
    """Status, headers and body of one request; names in `headers` with _ for -."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    given = {"Host": f"127.0.0.1:{server.port}"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in given.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = b"" if answer.getheader("Content-Type") == "text/event-stream" else answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def cookie(server):
    """The cookie, got as a browser gets it."""
    path = server.url.split(str(server.port), 1)[1]
    code, headers, _ = asked(server, path)
    assert code == 200
    return headers["Set-Cookie"].split(";")[0]


def test_the_token_gets_a_cookie_that_no_script_reads_and_no_site_sends(served):
    code, headers, body = asked(served, f"/?token={served.token}")
    assert code == 200 and served.token not in body.decode()
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(headers["Set-Cookie"].split("; "))
    assert headers["Referrer-Policy"] == "no-referrer" and headers["Cache-Control"] == "no-store"
    assert asked(served, Cookie=cookie(served))[0] == 200


@pytest.mark.parametrize("path", ["/", "/events", "/?token=", "/?token=x", "/?", "/?toke=x"])
def test_without_the_token_there_is_nothing(served, path):
    code, headers, body = asked(served, path)
    assert code == 403 and "Set-Cookie" not in headers and b"<" not in body


@pytest.mark.parametrize(
    "value", ["", "primacy-{port}=x", "primacy-{port}=\u00e9", "=;=;,", "a" * 9999]
)
def test_another_cookie_is_none(served, value):
    assert asked(served, Cookie=value.format(port=served.port))[0] == 403


HOSTS = ["evil.example", "evil.example:{port}", "127.0.0.1", "localhost", "127.0.0.1:1",
         "127.0.0.1:{port}.evil.example", "", None]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_a_foreign_host_is_refused_whatever_it_brings(served, host):
    host = host and host.format(port=served.port)
    assert asked(served, Host=host, Cookie=cookie(served))[0] == 421
    assert asked(served, f"/?token={served.token}", Host=host)[0] == 421


def test_two_hosts_are_none(served):
    text = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nHost: evil\r\n\r\n"
    assert said(served, text.encode()).startswith(b"HTTP/1.0 421")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "file://"])
def test_a_foreign_origin_is_refused(served, origin):
    assert asked(served, "/events", Origin=origin, Cookie=cookie(served))[0] == 403
    own = f"http://127.0.0.1:{served.port}"
    assert asked(served, "/events", Origin=own, Cookie=cookie(served))[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"])
def test_only_get(served, method):
    code, headers, _ = asked(served, method=method, Cookie=cookie(served))
    assert code == 405 and headers["Allow"] == "GET"


TRICKS = ["/etc/passwd", "//etc/passwd", "/../../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/",
          "/./", "/\\..\\", "/live.js", "/report.html", "/manifest.json", "/events/", "/%00",
          "/events%00", "/curves/", "http://evil.example/", "*", "/;/events", "/index.html",
          "/live/ab-0.jsonl", "/study.lock.json", "/#", "/events#x", "/\u00e9"]  # fmt: skip


@pytest.mark.parametrize("path", TRICKS)
def test_no_path_is_a_file(served, path):
    text = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nCookie: {cookie(served)}\r\n\r\n"
    )
    answer = said(served, text.encode())
    assert answer.startswith(b"HTTP/1.0 404") and b"root:" not in answer


def said(server, request):
    """The whole answer to bytes."""
    parts = []
    with socket.create_connection(("127.0.0.1", server.port), timeout=600) as connection:
        # A server that has read enough closes: what follows is refused, and that is an answer.
        with contextlib.suppress(OSError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while part := connection.recv(65536):
                parts.append(part)
    return b"".join(parts)


NO_REQUESTS = [
    b"",
    b"\r\n",
    b"GET\r\n\r\n",
    b"\x00\xff" * 99 + b"\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 999 + b"\r\n",
    b"GET /" + b"a" * 99_999 + b" HTTP/1.1\r\n\r\n",
]


@pytest.mark.parametrize("request_", NO_REQUESTS)
def test_what_is_no_request_gets_nothing(served, request_):
    answer = said(served, request_)
    assert b" 200 " not in answer.split(b"\r\n")[0]
    assert asked(served, Cookie=cookie(served))[0] == 200  # and the server is still there


def test_listens_on_this_machine_only(served):
    assert served.socket.getsockname()[0] == "127.0.0.1"


@pytest.fixture
def small(tmp_path):
    """A server of which one page may be open, and none was."""
    with Server(tmp_path / "run").serving() as server:
        server.streams = threading.BoundedSemaphore(1)
        yield server


def test_pages_that_may_be_open_are_bounded(small):
    text = (
        f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{small.port}\r\nCookie: {cookie(small)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", small.port), timeout=600) as first:
        first.sendall(text.encode())
        assert first.recv(64).startswith(b"HTTP/1.0 200")
        assert asked(small, "/events", Cookie=cookie(small))[0] == 503
    # The one that went away makes room.
    until(lambda: asked(small, "/events", Cookie=cookie(small))[0] == 200)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watch") / "run"
    run(tiny.study(seeds=2, controls="none", measures=("accuracy",), hypotheses=()), folder)
    return folder


def test_a_stream_tells_the_study_what_is_live_and_what_is_gone(trained, monkeypatch):
    monkeypatch.setattr(servers, "POLL_SECONDS", 0.01)
    key = json.loads((trained / "study.lock.json").read_text())["conditions"][0]["key"]
    file = live.path(trained, key, 5)
    live.append(file, [live.line(0, [0.5, 0.25]), live.line(8, [1.0, float("nan")])])
    live.append(live.path(trained, "ff", 0), [live.line(0, [1.0])])  # of no condition of it
    with Server(trained).serving() as server:
        text = (f"GET /events HTTP/1.1\r\nHost: localhost:{server.port}\r\n"
                f"Cookie: {cookie(server)}\r\n\r\n")  # fmt: skip
        with socket.create_connection(("127.0.0.1", server.port), timeout=600) as connection:
            connection.sendall(text.encode())
            stream = connection.makefile("rb")
            study = told(stream, "study")
            assert [f["name"] for f in study["conditions"][0]["features"]] == [
                "linear",
                "xor_and_or",
            ]
            assert told(stream, "live") == {
                "rows": [[0, 5, 0, [0.5, 0.25]], [0, 5, 8, [1.0, None]]], "gone": []
            }  # fmt: skip
            assert {"state": "complete", "done": 2, "total": 2}.items() <= told(
                stream, "status"
            ).items()
            live.append(file, [live.line(16, [1.0, 1.0])])
            assert told(stream, "live")["rows"] == [[0, 5, 16, [1.0, 1.0]]]
            live.sweep(trained)
            assert told(stream, "live") == {"rows": [], "gone": [[0, 5]]}


def told(stream, name):
    """The content of the next event of that name."""
    for line in stream:
        if line == f"event: {name}\n".encode():
            return json.loads(stream.readline().removeprefix(b"data: "))
    raise AssertionError(f"no event {name}")


def test_the_page_is_the_runs_own_with_leave_to_ask_this_server_alone(trained):
    with Server(trained).serving() as server:
        code, _, body = asked(server, Cookie=cookie(server))
    page = body.decode()
    assert code == 200 and "Is it quick?" in page and 'id="live"' in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert "connect-src &#x27;self&#x27;" in policy and "default-src &#x27;none&#x27;" in policy
    assert "unsafe" not in policy and policy.count("sha256-") >= 4


def test_watching_writes_nothing(trained):
    def listing():
        return {p: p.stat().st_mtime_ns for p in sorted(trained.rglob("*"))}

    before = listing()
    with Server(trained).serving() as server:
        assert asked(server, Cookie=cookie(server))[0] == 200
    assert listing() == before
