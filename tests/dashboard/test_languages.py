"""Languages: complete catalogues, and sentences as each language writes them."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import dashboard
from dashboard.languages import CODES, load_languages, read_catalogue
from dashboard.sentences import find_threshold, sentence
from dashboard.wording import KINDS
from telemetry.alerts import Alert, AlertStatus, Severity
from telemetry.city import City
from telemetry.metrics import Domain
from tests.dashboard.conftest import Town

ROOT = Path(dashboard.__file__).parent
METHODS = [("**.py", "python")]
AT = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)


def messages_in_source() -> set[str]:
    found = extract_from_dir(str(ROOT), method_map=METHODS, keywords={"t": None, "mark": None})
    return {message for _, _, message, _, _ in found if isinstance(message, str)}


def fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("code", CODES)
def test_catalogue_has_every_message_and_none_is_fuzzy_or_left_over(code: str):
    with (ROOT / "locale" / code / "LC_MESSAGES" / "cityops.po").open("rb") as file:
        catalogue = read_po(file, locale=code)
    fuzzy = [message.id for message in catalogue if message.id and message.fuzzy]
    written = read_catalogue(code)
    assert not fuzzy
    assert messages_in_source() - written.keys() == set()
    assert written.keys() - messages_in_source() == set()
    assert [m for m, text in written.items() if fields(m) != fields(text)] == []


def test_vietnamese_is_not_english():
    same = {m for m, text in read_catalogue("vi").items() if m == text}
    assert same <= {"Metro"}


def test_every_kind_of_the_city_has_a_name(city: City):
    assert {device.kind for device in city.devices} <= KINDS.keys()


def test_numbers_and_times_by_locale(city: City):
    languages = load_languages(city.timezone)
    assert languages["vi"].number(1234.5, 2) == "1.234,50"
    assert languages["en"].number(1234.5, 2) == "1,234.50"
    assert languages["vi"].time(AT) == "17:30"


def alert(rule: str, value: float | None = 7.0, **detail: object) -> Alert:
    return Alert(
        1, "k", "d", 1, "water_level_m", Domain.DRAINAGE, rule, rule, Severity.MAJOR, AlertStatus.OPEN,
        AT, AT, None, value, 0.5, 1.25, detail,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("item", "vi", "en"),
    [
        (
            alert("limit:tide", 1.52, threshold="level-phu-an-bd2"),
            "Mực nước đạt báo động II: 1,52 m (ngưỡng 1,50 m)",
            "Water level at alarm II: 1.52 m (limit 1.50 m)",
        ),
        (alert("silence", None, silent_s=600.0), "Mất tín hiệu từ 17:20", "No signal since 17:20"),
        (alert("silence", None), "Mất tín hiệu từ 17:30", "No signal since 17:30"),
        (alert("silence", None, silent_s="<b>"), "Mất tín hiệu từ 17:30", "No signal since 17:30"),
        (alert("stuck", 0.5), "Mực nước đứng yên ở 0,50 m", "Water level stuck at 0.50 m"),
        (
            alert("seasonal", 2.0),
            "Mực nước 2,00 m cao bất thường so với giờ này (thường 0,50 đến 1,25 m)",
            "Water level 2.00 m unusually high for this hour (usual 0.50 to 1.25 m)",
        ),
        (
            alert("seasonal", 0.1),
            "Mực nước 0,10 m thấp bất thường so với giờ này (thường 0,50 đến 1,25 m)",
            "Water level 0.10 m unusually low for this hour (usual 0.50 to 1.25 m)",
        ),
        (alert("other", None), "Mực nước – bất thường", "Water level – is unusual"),
    ],
    ids=["limit", "silence", "silence-bare", "silence-hostile", "stuck", "high", "low", "other"],
)
def test_an_alert_is_a_sentence(city: City, item: Alert, vi: str, en: str):
    languages = load_languages(city.timezone)
    threshold = find_threshold(item, city)
    assert sentence(item, threshold, languages["vi"]).replace("\xa0", " ") == vi
    assert sentence(item, threshold, languages["en"]).replace("\xa0", " ") == en


def test_braces_in_data_are_no_fields(city: City):
    languages = load_languages(city.timezone)
    assert languages["vi"].t("{metric} stuck at {value}", metric="{value.__class__}", value="{0}") == (
        "{value.__class__} đứng yên ở {0}"
    )


def test_the_address_sets_the_language_and_the_cookie_keeps_it(town: Town):
    with town.as_role("viewer") as browser:
        assert '<html lang="vi"' in browser.get("/").text
        answer = browser.get("/", params={"lang": "en"})
        assert '<html lang="en"' in answer.text
        assert "SameSite=Lax" in answer.headers["set-cookie"]
        assert '<html lang="en"' in browser.get("/").text
        assert '<html lang="en"' in browser.get("/", params={"lang": "xx"}).text


def test_an_alert_long_silent_keeps_a_time(city: City):
    languages = load_languages(city.timezone)
    item = alert("silence", None, silent_s=timedelta(days=10_000).total_seconds())
    assert sentence(item, None, languages["en"]) == "No signal since 17:30"
