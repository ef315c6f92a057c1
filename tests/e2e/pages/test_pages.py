"""The pages as a citizen meets them: in both languages, on a wide and on a narrow screen, with and without a script."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 375, "height": 800}
SHEET = "/procedures/automobile-tax-environmental"
CLAIMS = "/procedures/claims-too-much"
SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
PATHS = ("/", "/quality-map", "/quality-map?q=nothing+of+that+name", SHEET, CLAIMS, "/reference", "/procedures/nobody")


@asynccontextmanager
async def page_in(
    browser: Browser, *, wide: bool = True, script: bool = False, language: str = "ja-JP"
) -> AsyncIterator[Page]:
    """A page whose browser reports what went wrong in it; it may load nothing from elsewhere."""
    context = await browser.new_context(viewport=WIDE if wide else NARROW, java_script_enabled=script, locale=language)
    page = await context.new_page()
    elsewhere: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url) if "127.0.0.1" not in request.url else None)
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    await context.close()
    assert elsewhere == []
    assert [error for error in errors if "404" not in error] == []


async def test_every_page_is_accessible_on_every_screen_in_both_languages(browser: Browser, site: str) -> None:
    """axe finds nothing against WCAG 2.2 AA (nor its best practices), and nothing needs scrolling sideways."""
    found = []
    for wide in (True, False):
        async with page_in(browser, wide=wide, script=True) as page:
            for path in PATHS:
                for language in ("ja", "en"):
                    await page.goto(f"{site}{path}{'&' if '?' in path else '?'}lang={language}")
                    where = (path, language, "wide" if wide else "narrow")
                    violations = (await Axe().run(page)).response["violations"]
                    found += [(*where, v["id"], v["nodes"][0]["html"][:120]) for v in violations]
                    if await page.evaluate(
                        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
                    ):
                        found.append((*where, "scrolls sideways", ""))
                    assert await page.locator("html").get_attribute("lang") == language
                    await keep_picture(page, *where)
    assert found == []


async def keep_picture(page: Page, path: str, language: str, width: str) -> None:
    """QOS_PICTURES=directory keeps what was seen, for people to look at."""
    directory = os.environ.get("QOS_PICTURES")
    if directory:
        name = re.sub(r"[^a-z0-9]+", "-", path).strip("-") or "home"
        await page.screenshot(path=Path(directory) / f"{name}-{language}-{width}.png", full_page=True)


async def test_the_browsers_language_decides_until_one_is_chosen(browser: Browser, site: str) -> None:
    async with page_in(browser, language="en-GB") as page:
        await page.goto(f"{site}/")
        await expect(page.get_by_role("heading", level=1)).to_have_text("See how well public services serve, live")
        await page.get_by_role("link", name="日本語").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("行政サービスの質を、いま見る")
        await page.get_by_role("link", name="クオリティマップを開く").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("行政手続デジタルクオリティマップ")


async def test_a_citizen_finds_a_procedure_without_a_script(browser: Browser, site: str) -> None:
    """From the first page by name to the sheet: its levels, figures and what is missing."""
    async with page_in(browser) as page:
        await page.goto(f"{site}/?lang=en")
        await page.get_by_role("searchbox", name="Name or id").fill("asks for")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("heading", name="1 procedure")).to_be_visible()
        await page.get_by_role("link", name="Permit that asks for paper").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Permit that asks for paper")
        await expect(page.get_by_text("Evidence contradicts what is declared")).to_be_visible()
        await expect(page.get_by_role("heading", name="Within the standard period")).to_be_visible()
        await expect(page.locator("#simpler").get_by_text("not met").first).to_be_visible()
        await page.get_by_role("link", name="90 days").click()
        await expect(page.get_by_role("link", name="90 days")).to_have_attribute("aria-current", "true")


async def test_the_map_is_filtered_and_paged_without_a_script(browser: Browser, site: str) -> None:
    async with page_in(browser) as page:
        await page.goto(f"{site}/quality-map?lang=en")
        rows = page.get_by_role("table").get_by_role("row")
        await expect(page.get_by_role("heading", name=re.compile("71 procedures"))).to_be_visible()
        await expect(rows).to_have_count(51)
        first = await rows.nth(1).inner_text()
        await page.get_by_role("link", name="Next", exact=True).click()
        await expect(rows).to_have_count(22)
        await expect(page.get_by_role("link", name="Next", exact=True)).to_have_count(0)
        await page.get_by_role("link", name="Previous").click()
        await expect(rows).to_have_count(51)
        assert await rows.nth(1).inner_text() == first

        await page.get_by_label("Organisation").select_option(label="建設局 (60)")
        await page.get_by_label("Principle").select_option("Faster")
        await page.get_by_label("Level by evidence").select_option("1")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("heading", name=re.compile("60 procedures"))).to_be_visible()
        await page.get_by_role("link", name="Next", exact=True).click()
        await expect(rows).to_have_count(11)
        await expect(page.get_by_label("Principle")).to_have_value("faster")
        await page.get_by_role("link", name="Clear").click()
        await expect(page.get_by_role("heading", name=re.compile("71 procedures"))).to_be_visible()

        await page.get_by_label("Evidence contradicts").check()
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("link", name="Permit that asks for paper")).to_be_visible()


async def test_half_a_choice_is_explained(browser: Browser, site: str) -> None:
    async with page_in(browser) as page:
        await page.goto(f"{site}/quality-map?lang=en&principle=faster")
        await expect(page.get_by_role("alert")).to_contain_text("Choose a principle and a level together.")


async def test_the_keyboard_reaches_everything(browser: Browser, site: str) -> None:
    """The first key leads past the header; every control of the form follows in reading order."""
    async with page_in(browser, script=True) as page:
        await page.goto(f"{site}/quality-map?lang=en")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "Skip to content"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        reached = []
        for _ in range(7):
            await page.keyboard.press("Tab")
            reached.append(await page.evaluate("document.activeElement.name || document.activeElement.textContent"))
        assert reached == ["q", "organisation", "principle", "level", "contradicted", "priority", "Show"]


async def test_what_is_public_hides_small_counts_and_staff_see_them(browser: Browser, site: str) -> None:
    async with page_in(browser) as page:
        await page.goto(f"{site}{SHEET}?lang=en&window=365d")
        await expect(page.get_by_text("Public form: counts are rounded")).to_be_visible()
        applications = page.locator(".figure", has_text="Applications").first.locator(".value")
        rounded = int((await applications.inner_text()).replace(",", ""))
        await page.goto(f"{site}{SHEET}?lang=en&window=365d&audience=staff")
        await expect(page.get_by_text("Staff form: exact figures.")).to_be_visible()
        exact = int((await applications.inner_text()).replace(",", ""))
        assert rounded % 5 == 0
        assert abs(rounded - exact) <= 2


async def test_what_was_published_stands_beside_what_is_restated_and_today(browser: Browser, site: str) -> None:
    async with page_in(browser) as page:
        await page.goto(f"{site}{SHEET}?lang=en")
        heading = page.get_by_role("heading", name=re.compile("As published for"))
        await expect(heading.get_by_text("Restated")).to_be_visible()
        await expect(page.get_by_text("because of late events")).to_be_visible()
        levels, figures = page.locator("table.compare").nth(0), page.locator("table.compare").nth(1)
        await expect(levels.get_by_role("columnheader")).to_have_text(["Level", "Published", "Restated", "Today"])
        await expect(figures.locator("mark").first).to_be_visible()
        compliance = figures.get_by_role("row", name=re.compile("Within the standard period"))
        published, restated = (await compliance.get_by_role("cell").all_inner_texts())[:2]
        assert published != restated

        await page.goto(f"{site}{CLAIMS}?lang=en")
        await expect(page.get_by_text("It stands as it was published.")).to_be_visible()
        await expect(page.locator("table.compare mark")).to_have_count(0)
        await expect(levels.get_by_role("columnheader")).to_have_text(["Level", "Published", "Today"])


async def test_paper_shows_the_table_and_nothing_to_click(browser: Browser, site: str) -> None:
    async with page_in(browser) as page:
        await page.goto(f"{site}/quality-map?lang=en")
        await page.emulate_media(media="print")
        await expect(page.get_by_role("table")).to_be_visible()
        await expect(page.get_by_role("search")).to_be_hidden()
        await expect(page.get_by_role("navigation", name="Site")).to_be_hidden()


@pytest.mark.parametrize("path", ["/procedures/nobody", "/nothing"])
async def test_a_wrong_address_leads_on(browser: Browser, site: str, path: str) -> None:
    async with page_in(browser, language="en") as page:
        answer = await page.goto(f"{site}{path}")
        assert answer is not None
        assert answer.status == 404
        await expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
        await page.get_by_role("link", name="Open the quality map").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Quality map")
