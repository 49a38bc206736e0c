import pytest

from store import passwords
from telemetry.errors import ConfigError


def test_a_password_is_known_by_its_hash():
    kept = passwords.hash_password("correct horse")
    assert kept.startswith("$argon2id$")
    assert passwords.matches(kept, "correct horse")
    assert not passwords.matches(kept, "correct house")
    assert not passwords.matches(None, "correct horse")
    assert not passwords.matches("not a hash", "correct horse")


def test_generated_passwords_differ_and_may_be_used():
    made = {passwords.generate_password() for _ in range(50)}
    assert len(made) == 50
    assert all(passwords.check_password(password, "admin") == password for password in made)


@pytest.mark.parametrize("password", ["short", "x" * 257, "my-admin-secret"])
def test_a_password_that_is_too_easy_is_refused(password: str):
    with pytest.raises(ConfigError):
        passwords.check_password(password, "admin")
