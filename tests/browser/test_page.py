"""The live page in a real Chromium: it works, goes on by itself, asks nobody else, and takes no word for markup."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect
from ports import free_port
from product import CONFIG, line_with, simulator, started

from tests.browser.chromium import PATIENCE_MS, SIZES, opened, serious_violations, wider_than_the_screen
from tests.browser.foreign import foreign_page
from tests.browser.rig import MARKUP
from tests.browser.rigged import Rig, rig

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

DRAWN = "canvas"
# What must be there before a page is looked at: drops of the hour before, and what the children worked out of them.
WHOLE = """() => document.querySelectorAll('#drops-list li').length > 3
    && document.querySelectorAll('#checks li, #tiles a').length > 6
    && document.querySelector('#diagnosis').textContent.includes('worked out at')"""
# The page's stream within reach, and the last explanations that came by it.
STREAM = """window.EventSource = class extends EventSource {
    constructor(...words) {
        super(...words);
        window.stream = this;
        this.addEventListener('explained', (event) => (window.explained = JSON.parse(event.data)));
    }
}"""
ANOTHER_VERDICT = """() => {
    explained.verdict.sentence = 'Another one.';
    explained.verdict.vetoes = ['a line that was not there'];
    stream.dispatchEvent(new MessageEvent('explained', { data: JSON.stringify(explained) }));
}"""
# How many drops there are by the page: cut at first, while older ones leave, when a held one has left, with new ones.
COUNTED = """async () => {
    const { Store } = await import('/static/store.js');
    const [store, totals] = [new Store(), []];
    const drop = (id) => ({ id, at: 1000 + id, layer: 'ice', reason: 'failed' });
    const drops = Array.from({ length: 500 }, (_, at) => drop(at + 100));
    const told = (what) => { store.update(what); totals.push(store.dropsTotal); };
    store.snapshot({ now: 1700, window: '15m', from: 800, to: 1700, step_s: 2, tracks: {}, drops, drops_total: 600 });
    totals.push(store.dropsTotal);
    told({ now: 1950 });
    told({ now: 1000 + 100 + 900 + 2.5 });
    told({ now: 2003, drops: [drop(900)], drops_total: 500 });
    told({ now: 2003, drops: [drop(901)], drops_total: 501 });
    return totals;
}"""
TOKEN = "a-token-for-tests"


@pytest.fixture(scope="module")
def hour(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """An hour of 150 agents, going on, in which every word that somebody else chooses is markup."""
    with rig(tmp_path_factory.mktemp("hour"), "--busy", "--hostile") as ran:
        with opened(browser, ran.url, ready=DRAWN) as seen:
            seen.page.wait_for_function(WHOLE, timeout=3 * PATIENCE_MS)
        yield ran


@contextmanager
def restartable(folder: Path) -> Iterator[tuple[str, str, Callable[[], AbstractContextManager[None]]]]:
    """The page's address, the simulator's control address, and the monitor for as long as a block lasts."""
    with simulator("--scenario", "quiet") as info:
        config, port = folder / "monitor.yaml", free_port()
        text = CONFIG.format(rest=info["rest"], ws=info["ws"], journal=folder / "facts.db")
        config.write_text(text.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        env = {"CLIENT_ID": info["client_id"], "CLIENT_SECRET": info["client_secret"], "USER_TOKEN": info["user_token"]}

        @contextmanager
        def running() -> Iterator[None]:
            with started("run", "-c", str(config), env=env) as process:
                line_with(process.stderr, "ready:")
                yield

        yield f"http://127.0.0.1:{port}/", info["control"], running


def test_it_shows_what_happens_without_a_reload_and_survives_a_restart(browser: Browser, tmp_path: Path) -> None:
    with restartable(tmp_path) as (url, control, running), ExitStack() as opening:
        with running():
            seen = opening.enter_context(opened(browser, url, ready=DRAWN))
            page = seen.page
            expect(page.locator("#simulated")).to_be_visible()
            assert "SIMULATED" in page.title()
            page.get_by_text("1 of 1 softphones connected").wait_for()
            marker = {"job": "weekly", "run_id": "tuesday", "phase": "start", "strategy": "burst"}
            assert httpx.post(f"{url}markers", json=marker).status_code == 201
            httpx.post(f"{control}/drop", params={"code": "1001", "reason": "test"}).raise_for_status()
            _shows_both(page)
            config = tmp_path / "monitor.yaml"
            config.write_text(config.read_text().replace("{name: weekly}", "{name: monthly}"))
            httpx.post(f"{url}-/reload").raise_for_status()
            page.locator("#jobs option[value=monthly]").wait_for(state="attached")
            assert seen.problems == []
        expect(page.locator("#connection")).not_to_have_attribute("data-state", "live")
        with running():
            expect(page.locator("#connection")).to_have_attribute("data-state", "live")
            page.get_by_text("1 of 1 softphones connected").wait_for()
            _shows_both(page)
        assert seen.asked == {urlsplit(url).netloc}


def _shows_both(page: Page) -> None:
    """The publish that runs, and the drop."""
    page.locator("#runs").get_by_text("tuesday").wait_for()
    page.locator("#drops-list").get_by_text("closed").first.wait_for()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_hour_of_150_agents_fits_the_screen_and_everybody_can_use_it(
    browser: Browser, hour: Rig, size: str, scheme: str
) -> None:
    with opened(browser, hour.url, size=size, scheme=scheme, ready=DRAWN) as seen:
        seen.page.wait_for_function(WHOLE)
        assert wider_than_the_screen(seen.page) == []
        assert serious_violations(seen.page) == []
        assert seen.problems == []
        assert seen.asked == {urlsplit(hour.url).netloc}


def test_markup_in_anybodys_words_is_text(browser: Browser, hour: Rig) -> None:
    with opened(browser, hour.url, ready=DRAWN) as seen:
        page = seen.page
        page.wait_for_function(WHOLE)
        page.locator("#drops-list").get_by_text(MARKUP).first.wait_for()
        page.locator("#runs").get_by_text(MARKUP).first.wait_for()
        expect(page.locator("#site")).to_have_text(MARKUP)
        page.locator("#probes-section").scroll_into_view_if_needed()
        page.locator("#probes button").get_by_text("signalling-1").first.click()
        page.locator("#probes-section").get_by_text(MARKUP).first.wait_for()
        assert page.locator("img").count() == 0
        assert page.evaluate("document.title").startswith("pwned") is False
        assert seen.problems == []  # the policy would have said what it kept from running


def test_a_chart_is_read_by_keys_and_aloud(browser: Browser, hour: Rig) -> None:
    with opened(browser, hour.url, ready=DRAWN) as seen:
        seen.page.wait_for_function(WHOLE)
        chart, words = seen.page.locator("[data-panel=ping] [role=group]"), seen.page.locator("#chart-words")
        chart.scroll_into_view_if_needed()
        chart.focus()
        seen.page.keyboard.press("ArrowLeft")
        expect(words).to_contain_text("XMPP")
        before = words.inner_text()
        for _ in range(3):
            seen.page.keyboard.press("Shift+ArrowLeft")
        expect(words).not_to_have_text(before)


def test_a_run_is_marked_by_hand(browser: Browser, hour: Rig) -> None:
    with opened(browser, hour.url, ready=DRAWN) as seen:
        page = seen.page
        expect(page.get_by_label("run id")).not_to_have_value("")  # what the page itself offers
        page.get_by_label("run id").fill("by-hand-1")
        page.get_by_label("agents").fill("many")
        page.get_by_role("button", name="Mark now").click()
        expect(page.locator("#mark-agents-problem")).to_contain_text("Allowed")
        page.get_by_label("agents").fill("150")
        page.get_by_role("button", name="Mark now").click()
        page.locator("#runs").get_by_text("by-hand-1").wait_for()
    stored = httpx.get(f"{hour.url}markers").json()["markers"][0]
    assert (stored["run_id"], stored["phase"], stored["agents"]) == ("by-hand-1", "start", 150)


def test_focus_selection_and_what_was_opened_outlast_what_is_told(browser: Browser, hour: Rig) -> None:
    run = {"job": "nightly", "run_id": "open-1"}
    for marker in ({**run, "phase": "start"}, {**run, "phase": "batch", "batch_size": 10}):
        httpx.post(f"{hour.url}markers", json=marker).raise_for_status()
    with opened(browser, hour.url, ready=DRAWN, script=STREAM) as seen:
        page = seen.page
        page.wait_for_function(WHOLE)
        page.locator("#tiles li[data-layer=signalling] h3").evaluate("one => getSelection().selectAllChildren(one)")
        with _keeps_focus(page, "#tiles li[data-layer=signalling]", "a"):
            hour.drop("focus-1")
        assert page.evaluate("getSelection().toString()") == "Signalling"
        with _keeps_focus(page, "#runs li[data-run=open-1]", "summary"):
            page.locator("#runs li[data-run=open-1] summary").click()
            httpx.post(f"{hour.url}markers", json={**run, "phase": "batch", "batch_size": 20}).raise_for_status()
            page.get_by_text("20 agents").wait_for()
        page.locator("#probes-section").scroll_into_view_if_needed()
        page.locator("#probes button").get_by_text("heartbeat-2").click()  # open it is asked for every 5 s
        with _keeps_focus(page, "#probes tr:has(button[aria-expanded=true])", "button"):
            pass  # it measures all the time
        assert page.locator("#runs details[open] li").count() == 2
        page.locator("#verdict summary").click(timeout=3 * PATIENCE_MS)  # it takes its child a while
        with _keeps_focus(page, "#verdict", "summary"):
            page.evaluate(ANOTHER_VERDICT)
        assert page.locator("#verdict details").get_attribute("open") is not None
        assert seen.problems == []


@contextmanager
def _keeps_focus(page: Page, place: str, within: str) -> Iterator[None]:
    """What is focused in that place still is once the place says something else."""
    focused, before = page.locator(place).locator(within).element_handle(), page.locator(place).inner_text()
    focused.focus()
    yield
    expect(page.locator(place)).not_to_have_text(before, use_inner_text=True)
    assert focused.evaluate("one => one === document.activeElement")


def test_an_answer_about_a_probe_that_is_no_longer_open_is_dropped(browser: Browser, hour: Rig) -> None:
    late: list[Route] = []
    with opened(browser, hour.url, ready=DRAWN) as seen:
        page = seen.page
        page.route("**/api/probes/signalling-1", lambda route: late.append(route))
        page.locator("#probes-section").scroll_into_view_if_needed()
        with page.expect_request("**/api/probes/signalling-1"):
            page.locator("#probes button").get_by_text("signalling-1").click()
        page.locator("#probes button").get_by_text("gathering-1").click()
        page.locator("#probes .detail time").first.wait_for()
        entry = {"at": 1.0, "took_s": 1.0, "outcome": "of_another", "phases": []}
        with page.expect_response("**/api/probes/signalling-1"):
            late[0].fulfill(json={"recent": [entry], "failures": [entry]})
        page.wait_for_function("() => new Promise((done) => setTimeout(() => done(true)))")  # it was dealt with
        expect(page.locator("#probes .detail time").first).to_be_visible()
        assert page.get_by_text("of another").count() == 0


def test_drops_are_counted_right_when_they_leave_the_window(browser: Browser, hour: Rig) -> None:
    with opened(browser, f"{hour.url}static/store.js") as seen:  # its logic alone
        assert seen.page.evaluate(COUNTED) == [600, 600, 499, 500, 501]


def test_where_nothing_was_measured_it_says_what_would(browser: Browser, tmp_path: Path) -> None:
    with rig(tmp_path, "--empty") as ran, opened(browser, ran.url) as seen:
        seen.page.locator("#runs-none").wait_for()
        seen.page.locator("#drops-count").get_by_text("No drop was noticed").wait_for()
        assert "heartbeat" in seen.page.locator("#panels").inner_text()
        assert seen.problems == []


def test_off_loopback_it_asks_for_the_token_and_no_foreign_page_gets_anything(browser: Browser, tmp_path: Path) -> None:
    with (
        rig(tmp_path, "--empty", "--host", "0.0.0.0", env={"RIG_TOKEN": TOKEN}) as ran,
        opened(browser, ran.url) as seen,
        foreign_page(ran.url) as elsewhere,
    ):
        page = seen.page
        assert serious_violations(page) == []
        page.get_by_label("Token of this monitor").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("#problem")).not_to_be_empty()
        page.get_by_label("Token of this monitor").fill(TOKEN)
        page.get_by_role("button", name="Log in").click()
        page.locator(DRAWN).first.wait_for(state="attached")
        (cookie,) = page.context.cookies(ran.url)
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert TOKEN not in cookie["value"]
        page.goto(elsewhere)  # of the same site, as ports do not count there: the cookie goes with what it asks
        expect(page.locator("#tried")).to_have_text("fetch refused, post refused, stream refused")
        page.goto(elsewhere.replace("127.0.0.1", "localhost"))  # of another site: the cookie stays behind
        page.get_by_role("link", name="the monitor").click()
        page.locator(DRAWN).first.wait_for(state="attached")
        stored = httpx.get(f"{ran.url}markers", headers={"Authorization": f"Bearer {TOKEN}"}).json()
        assert stored == {"markers": []}
