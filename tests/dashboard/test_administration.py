"""Signing in and the administration page, in a real browser."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.dashboard.conftest import PASSWORD, Town
from tests.fix_browser import visit


def test_a_person_signs_in_by_the_form_goes_on_and_signs_out(browser: Any, town: Town):
    town.cookie("operator")
    with visit(browser, town.url + "/administration?lang=en", role=None, forgive="401") as page:
        expect(page).to_have_url(town.url + "/sign-in?next=%2Fadministration%3Flang%3Den")
        page.wait_for_load_state("networkidle")
        page.fill("[name=username]", "operator")
        page.fill("[name=password]", "wrong")
        page.click("button[type=submit]")
        expect(page.locator("[role=alert]")).to_have_text("The name or the password is wrong.")
        page.wait_for_load_state("networkidle")
        page.fill("[name=password]", PASSWORD)
        page.click("button[type=submit]")
        expect(page.locator("main")).to_contain_text("This page needs the role of Administrator")
        expect(page).to_have_url(town.url + "/administration?lang=en")
        expect(page.locator(".who")).to_contain_text("operatorOperator")
        page.wait_for_selector('#shell-link[data-phase="live"]')
        page.wait_for_load_state("networkidle")
        page.click(".who__leave")
        expect(page).to_have_url(town.url + "/sign-in")
        page.wait_for_load_state("networkidle")
        page.goto(town.url + "/")
        expect(page.locator("[name=password]")).to_be_visible()


def test_signing_in_needs_no_scripts(browser: Any, town: Town):
    town.cookie("viewer")
    with visit(browser, town.url + "/sign-in?next=/healthz", role=None, java_script_enabled=False) as page:
        page.wait_for_load_state("networkidle")
        assert page.title() == "Đăng nhập · CityOps"
        page.fill("[name=username]", "viewer")
        page.fill("[name=password]", PASSWORD)
        page.click("button[type=submit]")
        expect(page).to_have_url(town.url + "/healthz")


def test_an_administrator_adds_changes_and_bars_people(browser: Any, town: Town):
    with visit(browser, town.url + "/administration?lang=en") as page:
        row = page.locator('tr[data-person="lan.nguyen"]')
        page.fill("#administration-name", "Lan.Nguyen")
        page.select_option("#administration-new-person [name=role]", "operator")
        page.click("#administration-new-person [type=submit]")
        expect(page.locator("#administration-said")).to_contain_text("Password of lan.nguyen")
        assert len(page.locator(".administration__secret").inner_text()) == 23
        row.locator("select").select_option("engineer")
        expect(page.locator("#administration-said")).to_have_text("Done.")
        row.get_by_text("Disable", exact=True).click()
        row.get_by_text("Once more to confirm").click()
        expect(row).to_contain_text("Enable")
        audit = page.locator("#administration-audit")
        for action in ("person.disable", "person.role"):
            said = audit.locator(f"td[title='{action}']").first
            expect(said).to_be_visible()
            expect(said).not_to_have_text(action)
    found = {person["name"]: person for person in town.get("/api/v1/people").json()}
    assert found["lan.nguyen"]["role"] == "engineer"
    assert not found["lan.nguyen"]["active"]


def test_a_key_is_shown_once_and_can_be_revoked(browser: Any, town: Town):
    label = "<script>window.hacked=1</script>"
    with visit(browser, town.url + "/administration?lang=en") as page:
        page.fill("#administration-label", label)
        page.click("#administration-new-key [type=submit]")
        expect(page.locator(".administration__secret")).to_contain_text("cok_")
        row = page.locator("#administration-keys tr").first
        expect(row).to_contain_text(label)
        row.get_by_text("Revoke").click()
        row.get_by_text("Once more to confirm").click()
        expect(row).to_contain_text("Ended")
        assert page.evaluate("window.hacked") is None
