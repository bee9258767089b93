"""What the desk hears: whose hand silences it stands in the log; the tones, when they are due, and that sound which is off is in view."""

from __future__ import annotations

from starlette.testclient import TestClient

from console import silence
from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.picture import Picture
from tests.console_harness import Harness, alert, distress
from tests.console_page import READY, Browser, clean, in_browser, shoot


def test_a_silence_is_logged_with_what_sounded_and_acknowledges_nothing() -> None:
    board, decisions = Board(), Decisions(None)
    client = TestClient(create_app(board, Picture(), decisions))
    board.publish(alert(1, level="alarm"))
    board.publish(distress(2))
    answer = client.post("/api/v1/silence", json={"by": "Ana", "role": "watchstander"})
    assert answer.json() == {"by": "Ana", "seconds": 30}
    row = decisions.log()[-1]
    said = {name: row[name] for name in ("action", "user", "role", "alert_id", "state_from", "state_to")}
    assert said == {
        "action": "silence", "user": "Ana", "role": "watchstander",
        "alert_id": f"{2:032x}", "state_from": "1 emergency, 1 alarm", "state_to": "silent for 30 s",
    }  # fmt: skip
    assert all(one["ack"] is None for one in client.get("/api/v1/alerts").json()["alerts"])
    assert client.post("/api/v1/silence", json={"by": ""}).status_code == 422
    assert client.post("/api/v1/silence", json={"by": "Eve", "role": "viewer"}).status_code == 403
    decisions.close()
    refused = client.post("/api/v1/silence", json={"by": "Ana"})
    assert refused.status_code == 503
    assert "NOT recorded" in refused.json()["error"]


def test_one_desk_cannot_fill_the_log_with_silences() -> None:
    client = TestClient(create_app(Board(), Picture(), Decisions(None)))
    codes = [client.post("/api/v1/silence", json={"by": "Ana"}).status_code for _ in range(silence.POSTS_PER_WINDOW_MAX + 1)]
    assert codes == [200] * silence.POSTS_PER_WINDOW_MAX + [429]


TONES = """import(new URL('static/sound.mjs', document.baseURI)).then(async ({ TONES, schedule }) => {
    const told = {};
    for (const name of Object.keys(TONES)) {
        const rate = 8000, audio = new OfflineAudioContext(1, 4.5 * rate, rate);
        schedule(audio, name, 0);
        const wave = (await audio.startRendering()).getChannelData(0);
        const strength = (hertz, from, to) => { let re = 0, im = 0;
            for (let i = from * rate; i < to * rate; i++) {
                const turn = 2 * Math.PI * hertz * i / rate; re += wave[i] * Math.cos(turn); im += wave[i] * Math.sin(turn); }
            return 2 * Math.hypot(re, im) / ((to - from) * rate); };
        const loud = Math.max(...wave.map(Math.abs));
        told[name] = { loud, high: strength(2200, 0, 0.25), low: strength(1300, 0.25, 0.5), alarm: strength(880, 0, 0.16) };
    }
    return told; })"""
FRESH_WARNING = 3


@in_browser[0]
@in_browser[1]
def test_distress_has_tones_of_its_own_sounds_until_silenced_and_a_new_call_breaks_the_silence(browser: Browser, served: Harness) -> None:
    browser("open", url=served.start(), script="localStorage.setItem('dogwatch.operator', 'Ana Watch')")
    browser.until(READY)
    assert "press a key" in browser.until("document.querySelector('[data-test=sound-blocked]')?.innerText"), "the browser blocks sound, and the page says so"
    shoot(browser, "console-sound-off")
    told = browser("evaluate", js=TONES)
    assert told["distress"]["high"] > 0.2
    assert told["distress"]["low"] > 0.2
    assert told["alarm"]["alarm"] > 0.2 > told["distress"]["alarm"]
    assert all(one["loud"] > 0.3 for one in told.values())

    browser("press", key="Shift")
    browser.until("dogwatch.state.sound.can === 'on' && !document.querySelector('[data-test=sound-blocked]')")
    browser("click", on="[data-test=sound]")
    browser("click", on="[data-test=try-warning]")
    assert browser("evaluate", js="dogwatch.state.sound.played") == ["warning"]
    browser("evaluate", js="void document.querySelector('[data-test=risk-sound]').click()")
    browser("press", key="Escape")
    browser.until("!document.querySelector('dialog') && document.querySelector('[data-test=sound]').innerText.includes('distress sounds only')")
    served.board.publish(alert(1, level="alarm"))
    served.board.publish(alert(FRESH_WARNING))
    served.board.publish(distress(2))
    browser.until("dogwatch.state.sound.played.at(-1) === 'distress'")
    assert browser("evaluate", js="dogwatch.state.sound.played") == ["warning", "distress"], "risk is off at this desk, distress never"
    browser("press", key="x")
    assert "Silenced for" in browser.until("document.querySelector('[data-test=silenced]')?.innerText")
    shoot(browser, "console-silenced")
    assert [(row["action"], row["user"]) for row in served.decisions.log()] == [("silence", "Ana Watch")]
    assert browser("evaluate", js="[...dogwatch.state.alerts.values()].every((a) => !a.ack)")
    served.board.publish(distress(4, mmsi=970_010_002))
    browser.until("!document.querySelector('[data-test=silenced]') && dogwatch.state.sound.played.length === 3")
    for number in (2, 4):
        browser("evaluate", js=f"void (dogwatch.state.selected = '{number:032x}')")
        browser("press", key="a")
        browser.until(f"dogwatch.state.alerts.get('{number:032x}').ack")
    browser.until("dogwatch.state.sound.repeat === ''")
    clean(browser)
    browser("close")


@in_browser[0]
@in_browser[1]
def test_a_silence_that_is_not_in_the_log_does_not_silence(browser: Browser, served: Harness) -> None:
    browser("open", url=served.start(), script="localStorage.setItem('dogwatch.operator', 'Ana Watch')")
    browser.until(READY)
    served.board.publish(alert(1, level="alarm"))
    browser("press", key="Shift")
    browser.until("dogwatch.state.sound.played.at(-1) === 'alarm'")
    served.decisions.close()
    browser("press", key="x")
    assert "not in the log" in browser.until("document.querySelector('[data-test=sound-fault]')?.innerText")
    assert browser("evaluate", js="dogwatch.state.sound.until") == 0
    browser("close")
