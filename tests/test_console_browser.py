"""The console as the watch sees it, in headless Chromium. Screenshots go to DOGWATCH_SCREENSHOTS where that is set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dogwatch.alerts import Contribution
from tests.console_harness import HOSTILE, T0, Harness, alert, busy_board, distress, gone_dark
from tests.console_page import READY, ROOT, ROWS, Browser, clean, in_browser, shoot

pytestmark = in_browser
ASKED = "performance.getEntriesByType('resource').filter((one) => one.name.includes('api/v1/alerts')).length"


def test_an_alert_appears_is_explained_and_acknowledged_on_every_page(browser: Browser, served: Harness) -> None:
    url = served.start()
    browser("open", "a", url=url + "?keep-pixels")
    browser("open", "b", url=url)
    for name in "ab":
        browser.until(READY, name)
    assert browser("evaluate", js="document.querySelector('.queue .empty').innerText").startswith("No open alerts.")

    before = browser("evaluate", js=ASKED)
    busy_board(served.board)
    browser.until(f"{ROWS}.length === 6")
    assert browser("evaluate", js=ASKED) == before, "alerts are pushed: nobody waits for the page to ask"
    browser("press", key="j")
    panel = "document.querySelector('.evidence').innerText"
    text = browser.until(f"{panel}.includes('Rendezvous') && {panel}")
    for words in ("Observed", "62 min", "45 min", "risk 51 of 100", "Innocent explanations", "What would clear it", "198100008"):
        assert words in text, words
    assert "does not match" not in text
    assert browser("evaluate", js="document.querySelector('[data-test=sum]').innerText") == "+0.05"
    for palette in ("day", "dusk", "night"):
        browser.until(f"document.documentElement.dataset.palette === '{palette}'")
        shoot(browser, f"console-{palette}")
        browser("press", key="t")

    browser("press", key="a")  # nobody has given a name yet
    browser("fill", on="dialog input[name=who]", text="Ana Watch")
    browser("press", key="Enter")
    seen = "[...dogwatch.state.alerts.values()].some((r) => r.ack && r.ack.by === 'Ana Watch')"
    browser.until(seen, "a")
    browser.until(seen, "b")
    assert browser("evaluate", "b", js=ASKED) == before, "decisions are pushed too"
    assert browser("evaluate", js="dogwatch.state.selected") == f"{2:032x}", "after the acknowledgement the next open alert is in view"
    browser("press", key="a")  # the name is remembered
    browser.until("[...dogwatch.state.alerts.values()].filter((r) => r.ack).length === 2", "b")
    assert [row["user"] for row in served.decisions.log()] == ["Ana Watch", "Ana Watch"]

    assert "hit" not in browser("evaluate", js="Object.keys(window).filter((k) => k === 'hit')")
    row = browser("evaluate", js=f"document.querySelector('[data-alert=\"{3:032x}\"] .headline').textContent")
    assert HOSTILE in row
    clean(browser, "a")
    clean(browser, "b")
    browser("close", "b")
    browser("close")


def test_a_picture_in_which_nothing_is_seen_to_move_is_not_drawn_again(browser: Browser, served: Harness) -> None:
    """Seen from far away, ships stand still between two frames of news; from near by they glide."""
    browser("open", url=served.start())
    browser.until(READY)
    browser.until("dogwatch.vessels.statics.size === 300 && dogwatch.vessels.clock.steps.length > 2")
    browser("evaluate", js="void (window.draws = 0, dogwatch.sea.map.on('render', () => { draws += 1; }))")
    glides = {
        zoom: browser("evaluate", js=f"(dogwatch.sea.map.jumpTo({{ zoom: {zoom} }}), dogwatch.sea._moved(dogwatch.sea._lastDraw + 150))") for zoom in (2, 16)
    }
    assert glides == {2: False, 16: True}
    browser("evaluate", js="void dogwatch.sea.map.jumpTo({ zoom: 2 })")
    browser("evaluate", js="new Promise((done) => setTimeout(() => { draws = 0; setTimeout(done, 3000); }, 1000))")
    assert 1 <= browser("evaluate", js="draws") <= 15, "news each second and what else changed, not ten times a second"


def test_the_map_is_not_blank_and_a_click_names_the_vessel(browser: Browser, served: Harness) -> None:
    browser("open", url=served.start() + "?keep-pixels")
    browser.until(READY)
    browser.until("dogwatch.vessels.statics.size === 300")
    colours = browser(
        "evaluate",
        js="""(() => { const c = document.querySelector('.map canvas'), gl = c.getContext('webgl2');
        const px = new Uint8Array(c.width * c.height * 4); gl.readPixels(0, 0, c.width, c.height, gl.RGBA, gl.UNSIGNED_BYTE, px);
        const seen = new Set(); for (let i = 0; i < px.length; i += 4) seen.add(px[i] << 16 | px[i + 1] << 8 | px[i + 2]); return seen.size; })()""",
    )
    assert colours > 50, "sea, land, coast and vessels in several colours"
    # the ship whose name is an attack, under way, under the pointer
    spot = browser(
        "evaluate",
        js="""(() => { const { vessels, sea } = dogwatch; const s = vessels.slotOfMmsi(198100003);
        sea.map.jumpTo({ center: [vessels.lon[s], vessels.lat[s]], zoom: 13 }); const box = document.querySelector('.map').getBoundingClientRect();
        const p = sea.map.project([vessels.lon[s], vessels.lat[s]]); return { x: box.x + p.x, y: box.y + p.y }; })()""",
    )
    browser("point", x=spot["x"], y=spot["y"])
    text = browser.until("document.querySelector('[data-test=vessel-card]')?.innerText")
    assert HOSTILE in text
    assert "198100003" in text
    assert "<B>NOWHERE</B>" in text
    assert browser("evaluate", js="window.hit === undefined && !document.querySelector('.card img')")
    shoot(browser, "console-vessel")

    before = browser("evaluate", js="[...dogwatch.vessels.t.slice(0, 300)].reduce((a, b) => a + b)")
    browser.until(f"[...dogwatch.vessels.t.slice(0, 300)].reduce((a, b) => a + b) > {before} + 1")
    browser("evaluate", js="void (window.lose = document.querySelector('.map canvas').getContext('webgl2').getExtension('WEBGL_lose_context')).loseContext()")
    browser.until("dogwatch.state.map === 'lost'")
    browser("evaluate", js="void lose.restoreContext()")
    browser.until("dogwatch.state.map === 'ready' && dogwatch.sea.layer.frames > 3")
    browser("close")


def test_new_alerts_wait_while_somebody_points_at_the_queue_but_distress_does_not(browser: Browser, served: Harness) -> None:
    browser("open", url=served.start())
    served.board.publish(alert(1))
    browser.until(f"{ROWS}.length === 1")
    browser("hover", on=".queue tbody tr")
    where = "document.querySelector('.queue tbody tr').getBoundingClientRect().top"
    top = browser("evaluate", js=where)
    served.board.publish(alert(2, level="alarm"))
    served.board.publish(alert(3, level="caution"))
    browser.until("document.querySelector('.newbar')?.ariaLabel === '2 new, worst: alarm'")
    assert browser("evaluate", js=ROWS) == [f"{1:032x}"], "the row under the pointer did not move"
    served.board.publish(distress())
    banner = browser.until("document.querySelector('.distress')?.innerText")
    assert "DISTRESS" in banner
    assert "40°51.00'S 174°42.00'E" in banner
    assert browser("evaluate", js=ROWS) == [f"{1:032x}"], "nor did it for distress, which has its banner"
    assert browser("evaluate", js=where) == top
    shoot(browser, "console-distress")
    browser("press", key="i")
    browser.until(f"{ROWS}.length === 4")
    assert browser("evaluate", js=ROWS)[:2] == [f"{9:032x}", f"{2:032x}"], "distress, then the alarm"
    clean(browser)
    browser("close")


def test_a_lost_link_is_said_and_healed_without_a_lost_or_doubled_alert(browser: Browser, served: Harness, tmp_path: Path) -> None:
    url = served.start()
    served.board.publish(alert(1))
    browser("open", url=url)
    browser.until(READY)
    browser("press", key="j")
    served.stop()
    text = browser.until("document.querySelector('.bar.bad')?.innerText")
    assert "Acknowledging is off" in text
    assert browser("evaluate", js="document.querySelector('[data-test=ack]').disabled")
    shoot(browser, "console-link-lost")
    again = Harness(database=tmp_path / "decisions.sqlite")
    again.board.publish(alert(1))
    again.board.publish(alert(2))
    try:
        again.start(port=int(url.rsplit(":", 1)[1].strip("/")))
        browser.until(f"!document.querySelector('.bar.bad') && {ROWS}.length === 2")
        assert sorted(browser("evaluate", js=ROWS)) == [f"{1:032x}", f"{2:032x}"]
        browser.until("dogwatch.vessels.count === 300")
    finally:
        again.stop()
    browser("close")


def test_without_webgl_or_without_libraries_the_console_is_a_list(browser: Browser, served: Harness) -> None:
    url = served.start()
    busy_board(served.board)
    no_gl = """const get = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) { return kind === 'webgl2' ? null : get.call(this, kind, ...rest); };"""
    browser("open", "list", url=url, script=no_gl)
    text = browser.until(
        "document.querySelector('[data-test=vessel-list]')?.innerText.includes('198100') && document.querySelector('[data-test=vessel-list]').innerText", "list"
    )
    assert "cannot draw the map" in text
    assert "TEST SHIP" in text
    browser.until(f"{ROWS}.length === 6", "list")
    shoot(browser, "console-list", "list")
    clean(browser, "list")
    browser("close", "list")
    browser("open", "plain", url=url, answers={"api/v1/info": {"desk": "Test desk", "libraries": False, "map": False, "exercise": True}})
    text = browser.until("document.querySelectorAll('.plain-list li').length === 6 && document.body.innerText", "plain")
    assert "EXERCISE" in text
    assert HOSTILE in text
    clean(browser, "plain")
    browser("close", "plain")


EXPLANATION = (
    "Silent for 30 min where others were heard (from 00:20Z, still going on; rule dark 1.0, confidence 0.99): silent for 30 min (threshold: at least 30 min); "
    "other vessels nearby 22 (threshold: at least 3).\nTested and no reason to dismiss: receiver down: heard; few peers: no.\n"
    "Data: of the reports sent there 96% are normally heard; other vessels nearby 22.\nA person decides."
)


def test_a_row_is_read_at_a_glance_and_the_sentences_of_the_pipeline_come_apart(browser: Browser, served: Harness) -> None:
    text = "Silent for 30 min where others were heard by rule dark 1.0, confidence 0.99: silent for 30 min (threshold: at least 30 min)"
    headline = "EXERCISE: Silent for 30 min, then heard again, inside the 12-mile belt, 8.6 nm off the coast: MMSI 198100005, last seen 00:20Z"
    parts = [Contribution("base", -1000, text="start"), Contribution("dark suspicious", 400, "e", 1810.0, 1800.0, text)]
    served.board.publish(alert(1, headline=headline, explanation=EXPLANATION, contributions=parts, score_milli=-600))
    browser("open", url=served.start())
    browser.until(READY)
    row = browser.until("[...document.querySelectorAll('.queue .what > *, .queue .headline')].map((e) => e.innerText)")
    assert row[1] == "Silent for 30 min, then heard again"
    assert row[2:4] == ["TEST SHIP 5", "inside the 12-mile belt, 8.6 nm off the coast"]
    assert row[4] == "Warning · risk 51/100 EXERCISE"
    browser("press", key="j")
    panel = browser.until("document.querySelector('.evidence .why') && document.querySelector('.evidence').innerText")
    assert "Observed silent for 30 min, threshold at least 30 min" in panel, "with units, where the bare values have none"
    assert "1810" not in panel
    assert "\ufffd" not in panel
    cells = browser("evaluate", js="[...document.querySelectorAll('details tbody tr')].map((r) => [...r.children].map((c) => c.innerText))")
    assert cells == [["silent for 30 min", "at least 30 min"], ["other vessels nearby 22", "at least 3"]]
    assert "receiver down: heard · few peers: no" in panel
    browser.until("[...document.querySelectorAll('.names span')].some((n) => n.textContent === 'TEST SHIP 5')")
    clean(browser)
    browser("close")


def test_distress_shows_the_newest_position_and_who_is_near(browser: Browser, served: Harness) -> None:
    mmsi = int(served.fixes["mmsi"][20])
    served.board.publish(distress(mmsi=mmsi))
    browser("open", url=served.start())
    browser.until(READY)
    # the alert says 15' farther north than the picture: the picture is younger
    spot = browser.until(f"((s) => s !== undefined && [dogwatch.vessels.lat[s], dogwatch.vessels.lon[s]])(dogwatch.vessels.slotOfMmsi({mmsi}))")
    said = browser.until("document.querySelector('.distress .thin')?.innerText")
    assert [float(n) for n in said.split(", ")] == pytest.approx(spot, abs=0.02)
    browser("press", key="j")
    rows = "[...document.querySelectorAll('[data-test=helpers] tbody tr')]"
    near = browser.until(f"{rows}.length === 20 && {rows}.map((r) => [...r.children].map((c) => c.innerText))")
    assert all(cells[1].endswith((" min", " s")) and cells[2].endswith(" nm") and cells[3].endswith("°") for cells in near)
    clean(browser)
    browser("close")


def test_a_rescue_area_is_ended_by_a_person_with_a_role_and_a_reason(browser: Browser, served: Harness) -> None:
    served.board.publish(distress(event_ids=["beacon-1"]))
    browser("open", url=served.start())
    browser.until(READY)
    browser("press", key="j")
    browser.until("document.querySelector('[data-test=ack]')")
    assert browser("evaluate", js="document.querySelector('[data-test=end-rescue]') === null"), "nothing is excused by it yet"
    served.board.health({"rescues": {"beacon-1": "beacon"}})
    browser.until("document.querySelector('[data-test=end-rescue]')")
    browser("evaluate", js="void document.querySelector('[data-test=end-rescue]').click()")
    browser.until("document.querySelector('dialog select[name=role]')")
    browser("fill", on="dialog input[name=who]", text="Ana Watch")
    browser("evaluate", js="void (document.querySelector('dialog select[name=role]').value = 'supervisor')")
    browser("fill", on="dialog input[name=reason]", text=f"a hoax {HOSTILE}")
    shoot(browser, "console-end-rescue")
    browser("press", key="Enter")
    text = browser.until("document.querySelector('[data-test=rescue-ended]')?.innerText")
    assert "Ana Watch (supervisor)" in text
    assert HOSTILE in text, "as text"
    assert served.board.rescues_ended() == {"beacon-1": "Ana Watch (supervisor)"}
    assert browser("evaluate", js="document.querySelector('[data-test=end-rescue]') === null && !document.querySelector('dialog')")
    clean(browser)
    browser("close")


def test_an_alert_is_taken_dismissed_and_shelved_with_a_reason(browser: Browser, served: Harness) -> None:
    for number in (1, 2):
        served.board.publish(alert(number))
    row = "document.querySelector('.queue tr[data-alert=\"{:032x}\"]')"
    browser("open", url=served.start())
    browser.until(READY)
    browser("evaluate", js="void (dogwatch.state.operator = 'Ana Watch')")
    browser("evaluate", js=f"void {row.format(1)}.click()")
    browser.until("document.querySelector('[data-test=own]')")
    browser("evaluate", js="void document.querySelector('[data-test=own]').click()")
    assert "Ana Watch" in browser.until("document.querySelector('[data-test=owner]')?.innerText")
    browser("evaluate", js="void document.querySelector('[data-test=shelve]').click()")
    browser.until("document.querySelector('dialog select[name=hours]')")
    browser("fill", on="dialog input[name=reason]", text=f"known {HOSTILE}")
    browser("press", key="Enter")
    assert HOSTILE in browser.until("document.querySelector('[data-test=shelf]')?.innerText"), "as text"
    browser.until("document.querySelectorAll('.queue tbody tr').length === 1")
    assert "1 shelved, 0 held" in browser("evaluate", js="document.querySelector('[data-test=aside]').innerText")
    browser("evaluate", js=f"void {row.format(2)}.click()")
    browser.until(f"document.querySelector('.evidence')?.dataset.alert === '{2:032x}' && document.querySelector('[data-test=dispose]')")
    browser("evaluate", js="void document.querySelector('[data-test=dispose]').click()")
    browser.until("document.querySelector('dialog select[name=code]')")
    browser("fill", on="dialog input[name=reason]", text="a ferry")
    browser("press", key="Enter")
    assert "Ana Watch" in browser.until("document.querySelector('[data-test=disposition]')?.innerText")
    record = served.board.record(f"{2:032x}")
    assert record is not None
    assert (record["disposition"]["code"], record["disposition"]["by"], record["ack"]) == ("benign_known", "Ana Watch", None)
    clean(browser)
    browser("close")


def test_one_click_replays_what_happened_by_link_and_on_paper(browser: Browser, served: Harness) -> None:
    mmsi = gone_dark(served)
    url = served.start()
    browser("open", url=url + "?keep-pixels")
    browser.until(READY)
    browser("press", key="j")
    browser.until("document.querySelector('[data-test=replay-open]')")
    browser("click", on="[data-test=replay-open]")
    browser.until("document.querySelector('[data-test=replay]') && dogwatch.sea.past.shown")
    head = "document.querySelector('[data-test=playhead]').innerText"
    first = browser("evaluate", js=head)
    browser.until(f"{head} !== '{first}'")  # it plays
    browser("press", key=" ")
    browser.until("dogwatch.state.replay.evidence && !dogwatch.state.replay.playing")
    browser("evaluate", js="void document.querySelector('.replay input').focus()")
    middle = T0 - 45 * 60_000
    browser(
        "evaluate",
        js=f"(() => {{ const s = document.querySelector('.replay input'); s.value = {middle}; s.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()",
    )
    browser.until("document.querySelector('.replay .at').innerText.includes('silent 26 min')")
    one = "f.properties.vessel"  # at the border of two tiles both have it
    browser.until(f"new Set(dogwatch.sea.map.queryRenderedFeatures({{ layers: ['past-vessel'] }}).map((f) => {one})).size === 1")
    bar = "document.querySelector('.replay').getBoundingClientRect().top - dogwatch.sea.map.getContainer().getBoundingClientRect().top"
    places = "dogwatch.state.replay.evidence.tracks.flatMap((t) => t.lat.map((lat, i) => dogwatch.sea.map.project([t.lon[i], lat]).y))"
    assert browser("evaluate", js=f"{places}.every((y) => y > 0 && y < {bar})"), "the whole track is in view, above the bar"
    browser("press", key="ArrowRight")
    browser.until("dogwatch.sea.map.queryRenderedFeatures({ layers: ['past-gap'] }).length > 0")
    assert browser("evaluate", js="dogwatch.sea.map.getLayoutProperty('vessels', 'visibility')") == "none", "past and present are not mixed"
    assert browser("evaluate", js="((e) => e.scrollWidth <= e.clientWidth)(document.querySelector('.evidence .scroll'))"), "nothing beside the panel"
    assert "REPLAY" in browser("evaluate", js="document.querySelector('.past').innerText")
    for palette in ("day", "dusk", "night"):
        browser.until(f"document.documentElement.dataset.palette === '{palette}'")
        browser.until("dogwatch.sea.map.areTilesLoaded()")
        shoot(browser, f"console-replay-{palette}")
        browser("press", key="t")
    browser("evaluate", js="void [...document.querySelectorAll('.replay button')].find((b) => b.innerText.startsWith('Copy link')).click()")
    link = browser.until("location.hash.includes('replay=') && location.href")
    clean(browser)

    browser("open", "b", url=link)  # a colleague opens the same
    browser.until(f"document.querySelector('[data-test=playhead]') && {head} === {json.dumps(browser('evaluate', js=head))}", "b")
    browser.until("window.dogwatch?.sea?.past?.shown", "b")
    browser("press", "b", key="b")
    browser.until("!document.querySelector('[data-test=replay]') && dogwatch.sea.map.getLayoutProperty('vessels', 'visibility') === 'visible'", "b")
    clean(browser, "b")
    browser("close", "b")
    paper = browser("evaluate", js="document.querySelector('[data-test=print]').href")
    browser("close")

    browser("open", "paper", url=paper)
    text = browser.until("document.querySelector('[data-test=sheet]')?.innerText", "paper")
    for words in (
        "EXERCISE",
        "Silent for 50 min",
        str(mmsi),
        "Silences",
        "52 min",
        "Observed",
        "45 min",
        "Innocent explanations",
        "What would clear it",
        "Not acknowledged",
    ):
        assert words in text, words
    assert browser("evaluate", "paper", js="document.querySelectorAll('.chart .gap').length") == 1
    shoot(browser, "console-print", "paper")
    clean(browser, "paper")
    browser("close", "paper")


def test_silence_says_what_it_listens_to(browser: Browser) -> None:
    quiet = Harness(vessels=0)
    try:
        browser("open", url=quiet.start())
        text = browser.until("document.querySelector('.listening')?.innerText")
        assert "Listening on UDP 10110" in text
        assert "no messages in" in text
        clean(browser)
        browser("close")
    finally:
        quiet.stop()


def test_the_chart_has_names_and_coverage_and_an_activated_target_its_heading_and_hull(browser: Browser, served: Harness) -> None:
    served.board.publish(alert(1, mmsi=198_100_005))
    browser("open", url=served.start())
    browser.until(READY)
    browser.until("dogwatch.vessels.statics.size === 300 && dogwatch.sea.layer.lines.count > 0")
    far = browser("evaluate", js="dogwatch.sea.layer.lines.count")
    spot = "((v, s) => [v.lon[s], v.lat[s]])(dogwatch.vessels, dogwatch.vessels.slotOfMmsi(198100005))"
    browser("evaluate", js=f"void dogwatch.sea.map.jumpTo({{ center: {spot}, zoom: 15 }})")
    browser.until(f"dogwatch.sea.layer.lines.count === {far} + 10")  # five edges of a hull, seen from near only
    if (ROOT / "zones" / "data" / "names.geojson").is_file():
        browser("evaluate", js="void dogwatch.sea.map.jumpTo({ center: [174.8, -41.25], zoom: 9 })")
        browser.until("dogwatch.sea.map.queryRenderedFeatures({ layers: ['port-name'] }).some((f) => f.properties.name.startsWith('Wellington'))")
    browser("press", key="l")
    assert "not known" in browser.until("document.querySelector('[data-test=coverage]')?.innerText")
    browser("press", key="l")
    browser.until("!document.querySelector('[data-test=coverage]')")
    clean(browser)
    browser("close")


def test_the_page_lets_go_of_alerts_that_are_over_but_of_none_that_are_open(browser: Browser, served: Harness) -> None:
    served.board.publish(alert(1))
    browser("open", url=served.start())
    browser.until(f"{ROWS}.length === 1")
    left = browser(
        "evaluate",
        js="""import(new URL('static/store.mjs', document.baseURI)).then(({ takeAlerts, state }) => {
        const [one] = state.alerts.values();
        const gone = (i) => ({ ...one, alert_id: `over-${i}`, level: 'caution', condition: 'cleared', t_last: new Date(i * 1000).toISOString() });
        const over = Array.from({ length: 2500 }, (_, i) => gone(i));
        takeAlerts([...over, ...over.slice(0, 30).map((a, i) => ({ ...a, alert_id: `open-${i}`, condition: 'active' }))]);
        const ids = [...state.alerts.keys()], count = (word) => ids.filter((id) => id.startsWith(word)).length;
        return { open: count('open'), over: count('over'), oldest: ids.includes('over-0'), newest: ids.includes('over-2499') };
        })""",
    )
    assert left == {"open": 30, "over": 2000, "oldest": False, "newest": True}
    browser.until(f"{ROWS}.length === 31")  # drawn with the next frame
    browser("close")
