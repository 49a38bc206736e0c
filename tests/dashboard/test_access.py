"""Who may do what, over HTTP: sessions, keys, roles, limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from dashboard.auth.access import CSRF_HEADER
from dashboard.auth.client import COOKIE
from dashboard.auth.pages import local_path
from store import people, sessions
from store.passwords import hash_password
from telemetry.people import Role
from tests.dashboard.conftest import PASSWORD, Town

FOR_ADMINISTRATORS = ["/api/v1/people", "/api/v1/keys", "/api/v1/audit"]


@pytest.fixture
def nobody(town: Town) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=town.url, timeout=60) as client:
        yield client


@pytest.fixture
def forgiven(town: Town) -> Iterator[None]:
    """Forgets failed attempts afterwards: all tests come from one address."""
    yield
    with town.conn.transaction():
        town.conn.execute("DELETE FROM sign_in_failure")


def sign_in(client: httpx.Client, name: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
    return client.post("/sign-in", data={"username": name, "password": password} | fields)


def add(town: Town, name: str, role: Role = Role.VIEWER) -> None:
    with town.conn.transaction():
        people.add_person(town.conn, name, role, hash_password(PASSWORD))


def test_every_route_of_the_interface_is_closed_to_nobody(town: Town, nobody: httpx.Client):
    asked = 0
    for path, operations in town.get("/api/openapi.json").json()["paths"].items():
        for method in operations if path.startswith("/api/") else ():
            answer = nobody.request(method, path.replace("{", "").replace("}", ""))
            assert answer.status_code == 401, (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            asked += 1
    assert asked > 15


@pytest.mark.parametrize("path", ["/_dash-layout", "/_dash-dependencies", "/api/openapi.json", "/api/docs"])
def test_what_is_behind_the_pages_is_closed_too(nobody: httpx.Client, path: str):
    assert nobody.get(path).status_code == 401


def test_callbacks_are_closed(nobody: httpx.Client):
    assert nobody.post("/_dash-update-component", json={}).status_code == 401


@pytest.mark.parametrize("path", ["/", "/administration", "/nowhere"])
def test_a_page_leads_to_the_sign_in_page_and_back(nobody: httpx.Client, path: str):
    answer = nobody.get(path + "?a=b&c=d")
    assert answer.status_code == 303
    assert httpx.URL(answer.headers["location"]).params["next"] == path + "?a=b&c=d"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/sign-in", "/assets/base.css"])
def test_what_is_open_to_everyone(nobody: httpx.Client, path: str):
    assert nobody.get(path).status_code == 200


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
@pytest.mark.parametrize("path", FOR_ADMINISTRATORS)
def test_people_keys_and_audit_are_for_administrators(town: Town, role: Role, path: str):
    with town.as_role(role) as client:
        assert client.get(path).status_code == 403
    assert town.get(path).status_code == 200


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(town: Town, nobody: httpx.Client):
    town.token(Role.VIEWER)
    answer = sign_in(nobody, " Viewer ", next="/?device=x")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?device=x")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "; secure" not in cookie
    me = nobody.get("/api/v1/session").json()
    assert (me["name"], me["role"], me["kind"]) == ("viewer", "viewer", "session")


def test_over_https_the_cookie_is_secure(town: Town, nobody: httpx.Client):
    town.token(Role.VIEWER)
    form = {"username": "viewer", "password": PASSWORD}
    answer = nobody.post("/sign-in", data=form, headers={"x-forwarded-proto": "https"})
    assert "; secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("/?device=a&x=%2F", "/?device=a&x=%2F"),
        ("/alerts", "/alerts"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("", "/"),
        ("/sign-in", "/"),
        ("///evil.example", "/"),
    ],
)
def test_the_sign_in_page_goes_on_to_this_server_alone(wanted: str, path: str):
    assert local_path(wanted) == path


def test_what_is_typed_comes_back_escaped(nobody: httpx.Client, forgiven: None):
    answer = sign_in(nobody, '"><script>x</script>', "wrong", next='/"><script>y</script>')
    assert answer.status_code == 401
    assert "<script>" not in answer.text


def test_a_name_is_locked_after_failures_and_no_one_learns_whether_it_exists(
    town: Town, nobody: httpx.Client, forgiven: None
):
    add(town, "thu")
    for name in ("thu", "not-there"):
        answers = [sign_in(nobody, name, "wrong") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429]
        assert int(answers[-1].headers["retry-after"]) > 0
    assert sign_in(nobody, "thu").status_code == 429
    with town.as_role("administrator") as client:
        made = client.post("/api/v1/people/thu/password").json()
    assert sign_in(nobody, "thu", made["password"]).status_code == 303


def test_an_address_that_fails_too_often_waits(town: Town, nobody: httpx.Client, forgiven: None):
    town.token(Role.VIEWER)
    limit = town.settings.sign_in.failures_per_address
    with town.conn.transaction():
        for number in range(limit):
            sessions.note_failure(town.conn, f"name-{number}", "127.0.0.1", datetime.now(UTC))
    assert sign_in(nobody, "viewer").status_code == 429


def test_a_form_of_another_site_signs_no_one_in(nobody: httpx.Client):
    form = {"username": "viewer", "password": PASSWORD}
    assert nobody.post("/sign-in", data=form, headers={"origin": "http://evil.example"}).status_code == 403
    assert nobody.post("/sign-in", content=b"x" * 10_000).status_code == 413


def test_changes_need_the_sessions_token_and_origin(town: Town):
    with town.as_role("administrator") as client:
        wish = {"name": "csrf-test", "role": "viewer"}
        del client.headers[CSRF_HEADER]
        assert client.post("/api/v1/people", json=wish).status_code == 403
        assert client.post("/api/v1/people", json=wish, headers={CSRF_HEADER: "x"}).status_code == 403
        assert client.post("/sign-out", data={"csrf": "x"}).status_code == 403
        client.headers[CSRF_HEADER] = client.get("/api/v1/session").json()["csrf"]
        foreign = {"origin": "http://evil.example"}
        assert client.post("/api/v1/people", json=wish, headers=foreign).status_code == 403
        assert client.post("/_dash-update-component", json={}, headers=foreign).status_code == 403
        assert client.post("/api/v1/people", json=wish).status_code == 201
        assert client.post("/api/v1/people", json=wish).status_code == 409


def test_signing_out_ends_the_session_at_the_server(town: Town, nobody: httpx.Client):
    town.token(Role.VIEWER)
    sign_in(nobody, "viewer")
    token = nobody.cookies[COOKIE]
    csrf = nobody.get("/api/v1/session").json()["csrf"]
    assert nobody.post("/sign-out", data={"csrf": csrf}).status_code == 303
    nobody.cookies.set(COOKIE, token)
    assert nobody.get("/api/v1/session").status_code == 401
    actions = [entry["action"] for entry in town.get("/api/v1/audit").json() if entry["actor"] == "viewer"]
    assert actions[:2] == ["sign_out", "sign_in"]


def test_a_barred_person_is_out_at_once_and_the_last_administrator_stays(town: Town, nobody: httpx.Client):
    add(town, "minh", Role.OPERATOR)
    sign_in(nobody, "minh")
    assert nobody.get("/api/v1/city").status_code == 200
    with town.as_role("administrator") as client:
        assert client.patch("/api/v1/people/minh", json={"active": False}).status_code == 200
        assert nobody.get("/api/v1/city").status_code == 401
        assert sign_in(nobody, "minh").status_code == 401
        assert client.patch("/api/v1/people/administrator", json={"active": False}).status_code == 409
        assert client.patch("/api/v1/people/administrator", json={"role": "viewer"}).status_code == 409


@pytest.mark.parametrize(
    "wish",
    [
        {"name": "x\x00y", "role": "viewer"},
        {"name": "<script>", "role": "viewer"},
        {"name": "tuan", "role": "king"},
        {"name": "tuan", "role": "viewer", "password": "short"},
        {"name": "tuan", "role": "viewer", "more": 1},
    ],
)
def test_a_person_who_cannot_be_is_refused(town: Town, wish: dict[str, str]):
    with town.as_role("administrator") as client:
        assert client.post("/api/v1/people", json=wish).status_code == 422


def test_a_key_may_do_what_its_scopes_say_and_ends_when_revoked(town: Town, nobody: httpx.Client):
    with town.as_role("administrator") as client:
        made = client.post("/api/v1/keys", json={"label": "kiosk", "scopes": ["read"], "days": 1}).json()
        bearer = {"authorization": f"Bearer {made['key']}"}
        assert nobody.get("/api/v1/city", headers=bearer).status_code == 200
        assert nobody.get("/api/v1/people", headers=bearer).status_code == 403
        assert nobody.get("/", headers=bearer).status_code == 403
        assert made["key"] not in client.get("/api/v1/keys").text
        assert client.delete(f"/api/v1/keys/{made['api_key_id']}").json()["active"] is False
        assert nobody.get("/api/v1/city", headers=bearer).status_code == 401
        wrong = {"authorization": "Bearer nonsense"}
        assert client.get("/api/v1/city", headers=wrong).status_code == 401


def test_a_key_with_scopes_for_changes_needs_no_token(town: Town, nobody: httpx.Client):
    with town.as_role("administrator") as client:
        wish = {"label": "set-up", "scopes": ["read", "administer"]}
        bearer = {"authorization": f"Bearer {client.post('/api/v1/keys', json=wish).json()['key']}"}
    wish = {"name": "by-key", "role": "viewer"}
    assert nobody.post("/api/v1/people", json=wish, headers=bearer).status_code == 201


def test_the_live_feed_tells_who_is_not_signed_in(town: Town):
    with connect(town.url.replace("http", "ws") + "/ws/live", origin=town.url) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=60)
        assert closed.value.rcvd.code == 4401


def test_the_live_feed_ends_with_its_session(town: Town, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dashboard.api.socket.CHECK_S", 0.2)
    with httpx.Client(base_url=town.url) as client:
        town.token(Role.VIEWER)
        sign_in(client, "viewer")
        cookie = {"cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
        with connect(town.url.replace("http", "ws") + "/ws/live", additional_headers=cookie) as socket:
            csrf = client.get("/api/v1/session").json()["csrf"]
            client.post("/sign-out", data={"csrf": csrf})
            with pytest.raises(ConnectionClosed) as closed:
                list(socket)  # frames that were on their way
            assert closed.value.rcvd.code == 4401
