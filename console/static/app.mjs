// The page put together: panels, keys, actions. May live here: wiring. May not: drawing of vessels, formats, order of the queue.

import { html, render, useEffect, useRef, useState } from './html.mjs';
import { kbd, loadKeys, meaning } from './keys.mjs';
import { AreasDialog } from './areas.mjs';
import { ClockBar } from './clocks.mjs';
import { loadDisplay } from './display.mjs';
import { Dossier, openDossier } from './dossier.mjs';
import { Evidence } from './evidence.mjs';
import { GoToDialog } from './goto.mjs';
import { ExerciseBanner, Header } from './header.mjs';
import { OrderDialog, usual } from './orders.mjs';
import { BrokerBar, DistressBar, HelpDialog, LinkBar, NameDialog, RescueDialog, SilenceBar } from './parts.mjs';
import { Queue } from './queue.mjs';
import { SuspendedBar } from './hearing.mjs';
import { ReplayBar, advance, closeReplay, faster, openReplay, play, shownOf, stepReport, switchThen } from './replay.mjs';
import { DriftDialog } from './rescuers.mjs';
import { RulerCard } from './ruler.mjs';
import { SCREEN, followScreen, replayThere, tellSelected } from './screens.mjs';
import { SearchDialog } from './search.mjs';
import { SessionDialog } from './session.mjs';
import { SoundBar, SoundDialog, beat, silence, startSound } from './sound.mjs';
import { PALETTES, arrange, change, filtered, isDistress, isOpen, setFilter, linked, neighbour, nextOpen, state, subscribe, takeAlerts } from './store.mjs';
import { CLASS_WORDS, clean, dateTime, duration, levelRank, position, speed } from './text.mjs';
import { WatchBar, WatchDialog } from './watch.mjs';
import { TrackLegend, tickMinutes } from './track.mjs';
import { FLAG, Vessels } from './vessels.mjs';
import { followAlerts, followVessels, getJson, postAck, postEndRescue, postOrder } from './wire.mjs';

const vessels = new Vessels();
let sea = null; // SeaMap, where the browser can
let afterName = null; // what goes on once somebody has said who watches
let last = { id: '', at: -Infinity, sent: null }; // the step taken here last, for the key that undoes it
const UNDO_MS = 10_000;

/** The answer to a step, kept from its sending on for the key that undoes it: the stream tells of a step before its answer is here. */
async function undoable(id, sent) {
  const before = last;
  const step = { id, at: performance.now(), sent };
  last = step;
  const answer = await sent;
  if (answer.status !== 200 && last === step) last = before;
  return answer;
}

const eventNow = () => {
  const picture = vessels.clock.now(performance.now() / 1000) * 1000;
  return Number.isFinite(picture) ? picture : Date.parse(state.health.event_time ?? '');
};

const remembered = { get: (key) => { try { return localStorage.getItem(key); } catch { return null; } }, set: (key, v) => { try { localStorage.setItem(key, v); } catch { /* private windows */ } } };

/** Keep the name and role that a person said, for the next time; who has logged in is kept by the server. */
function remember(name, role) {
  if (state.session.users) return;
  remembered.set('dogwatch.operator', name);
  if (role) remembered.set('dogwatch.role', role);
}

const act = {
  select(id, show = false) {
    change({ selected: id, dossier: null, notice: state.notice?.id === id ? state.notice : null });
    if (state.replay && state.replay.id !== id) act.endReplay();
    const alert = state.alerts.get(id);
    if (alert && sea) sea.show(alert, show);
    address();
  },
  close() {
    if (state.ruler || state.pin) return change({ ruler: null, pin: null });
    if (state.dossier) return act.closeDossier();
    act.endReplay();
    change({ selected: '', vessel: 0, notice: null });
    address();
  },
  async dossier(mmsi, fly = false) {
    if (!mmsi) return;
    act.endReplay();
    const asked = openDossier(mmsi);
    address();
    const found = await asked;
    const slot = vessels.slotOfMmsi(mmsi);
    change({ vessel: slot === undefined ? 0 : vessels.handle[slot] });
    if (fly && found) act.fly(found.position ?? lastPlace(found.track));
  },
  closeDossier() { change({ dossier: null }); address(); },
  leaveFor(id) { change({ dossier: null }); act.select(id, true); },
  fly(at) { if (at) sea?.fly([at.lon, at.lat]); },
  middle() {
    const at = state.map === 'ready' ? sea.map.getCenter().wrap() : null;
    return at && { lat: at.lat, lon: at.lng };
  },
  zoom(alert) { sea?.show(alert, true); },
  goTo(at) {
    change({ pin: at });
    act.fly(at);
  },
  /** Range and bearing from the vessel in focus, the open alert, or the middle of the map; again: off. */
  measure() {
    if (state.ruler) return change({ ruler: null });
    const handle = state.vessel || (vessels.handle[vessels.slotOfMmsi(meant()) ?? -1] ?? 0);
    const alert = state.alerts.get(state.selected);
    const middle = act.middle(), at = sea?.placeOf(handle) ?? (Number.isFinite(alert?.lat) ? { lat: alert.lat, lon: alert.lon } : middle);
    return middle && change({ ruler: { at, to: middle, handle: sea.placeOf(handle) ? handle : 0, name: vessels.statics.get(handle)?.name || (handle ? `MMSI ${vessels.statics.get(handle)?.mmsi ?? '–'}` : alert ? 'the alert' : 'the middle'), fixed: false } });
  },
  async replay(id, at) {
    if (SCREEN === 'queue') return replayThere(id);
    await openReplay(id, at);
    address();
  },
  endReplay() { if (state.replay) { closeReplay(); address(); } },
  async copyLink() {
    address();
    await navigator.clipboard?.writeText(location.href).then(() => change({ replay: { ...state.replay, copied: true } }), () => {}); // the address bar has it too
  },
  coverage() {
    if (!sea || state.map !== 'ready') return;
    change({ coverage: !state.coverage });
    if (state.info.coverage) sea.coverage(state.coverage);
  },
  palette() {
    setPalette(PALETTES[(PALETTES.indexOf(state.palette) + 1) % PALETTES.length]);
  },
  silence() {
    if (state.operator) return silence();
    return askName(silence);
  },
  async acknowledge(id) {
    const alert = state.alerts.get(id);
    if (!alert || alert.ack || !linked() || state.sending) return;
    if (!state.operator) {
      askName(() => act.acknowledge(id));
      return;
    }
    change({ sending: id, notice: null });
    const { status, body } = await undoable(id, postAck(alert, state.operator));
    change({ sending: '' });
    if (status === 200) {
      takeOne(body);
      if (state.selected === id && nextOpen(id) !== id) act.select(nextOpen(id));
      return;
    }
    refused(id, status, body);
  },
  async order(id, action, words) {
    const alert = state.alerts.get(id);
    if (!alert || !linked()) return;
    const by = words.by || state.operator;
    if (!by) {
      change({ asking: true });
      return;
    }
    remember(by, words.role);
    change({ operator: by, role: words.role || state.role, notice: null });
    const sent = postOrder(alert, action, { ...words, by, role: words.role || state.role });
    const { status, body } = await (action === 'undo' ? sent : undoable(id, sent));
    if (status !== 200) {
      refused(id, status, body);
      return;
    }
    takeOne(body);
    if (action === 'undo') act.select(id);
  },
  undo() {
    const { id, at, sent } = last;
    if (performance.now() - at > UNDO_MS) return false;
    return sent.then(({ status }) => status === 200 && act.order(id, 'undo', {}));
  },
  filter(fields) {
    setFilter(fields);
    address();
  },
  async endRescue(id, by, role, reason) {
    const alert = state.alerts.get(id);
    if (!alert || !linked()) return;
    remember(by);
    change({ operator: by, notice: null });
    const { status, body } = await postEndRescue(alert, by, role, reason);
    if (status === 200) takeOne(body);
    else refused(id, status, body);
  },
};

function askName(then) {
  afterName = then;
  change({ asking: true });
}

const lastPlace = ({ lat, lon }) => (lat.length ? { lat: lat.at(-1), lon: lon.at(-1) } : null);

/** The vessel that a key means: the one clicked, else the first of the open alert. */
const meant = () => vessels.statics.get(state.vessel)?.mmsi ?? state.alerts.get(state.selected)?.mmsi[0];

/** Whose track is shown: the vessel of the dossier or that was clicked, else those of the open alert. */
function inFocus() {
  const one = state.dossier?.mmsi ?? vessels.statics.get(state.vessel)?.mmsi;
  return one ? [one] : state.alerts.get(state.selected)?.mmsi ?? [];
}

/** Say beside the alert why a decision was not recorded. */
function refused(id, status, body) {
  if (body.record) takeOne(body.record);
  const theirs = body.record?.ack ? ` ${clean(body.record.ack.by, 60)} acknowledged at ${dateTime(body.record.ack.at)}.` : body.record ? ` It is ${body.record.level} now.` : '';
  change({ selected: id, notice: { id, kind: 'bad', text: `Not recorded: ${clean(body.error ?? `answer ${status}`, 200)}.${theirs} ${clean(body.remedy ?? '', 200)} ${body.request_id ? `(${clean(body.request_id, 20)})` : ''}` } });
}


const takeOne = (record) => { if (record.alert_id) news(takeAlerts([record])); };

function news(records) {
  for (const alert of records) {
    const box = document.getElementById(levelRank(alert.level) >= 2 ? 'say-now' : 'say');
    if (box && isOpen(alert)) box.textContent = `${alert.level}: ${clean(alert.headline, 140)}`;
  }
}

function setPalette(name) {
  document.documentElement.dataset.palette = name;
  remembered.set('dogwatch.palette', name);
  change({ palette: name });
  if (sea && state.map === 'ready') sea.recolour();
}

/** The address keeps the open alert, beside the view that the map keeps there. */
function address() {
  const parts = new URLSearchParams(location.hash.slice(1));
  state.selected ? parts.set('alert', state.selected) : parts.delete('alert');
  for (const [name, word] of Object.entries(state.filter)) filtered() && word ? parts.set(`filter-${name}`, word) : parts.delete(`filter-${name}`);
  state.dossier ? parts.set('vessel', state.dossier.mmsi) : parts.delete('vessel');
  state.replay?.evidence ? parts.set('replay', Math.round(state.replay.now)) : parts.delete('replay');
  history.replaceState(history.state, '', `#${decodeURIComponent(parts.toString())}`);
}

function onKey(event) {
  const typing = event.target.closest?.('input:not([type=range]), textarea, select, dialog');
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (state.ordering) {
    early(event);
    return;
  }
  const alert = state.alerts.get(state.selected);
  const keys = {
    j: () => step(1), k: () => step(-1), ArrowDown: () => inQueueRow(event) && step(1), ArrowUp: () => inQueueRow(event) && step(-1), Home: () => inQueueRow(event) && step(-Infinity), End: () => inQueueRow(event) && step(Infinity),
    Enter: () => event.target.closest?.('button, a') ? false : alert && act.zoom(alert), a: () => alert && act.acknowledge(alert.alert_id), z: () => alert && act.zoom(alert),
    i: () => { arrange(true); change(); }, v: () => change({ tracks: !state.tracks }), f: () => document.querySelector('[name=filter]')?.focus(), u: act.undo,
    o: () => alert && !state.dossier && act.order(alert.alert_id, alert.owner ? 'release' : 'own', {}), d: () => ask(alert, alert?.disposition ? 'reopen' : 'dispose'), n: () => ask(alert, 'note'), w: () => ask(alert, 'assign'), g: () => sea && change({ going: true }), m: () => act.measure() ?? undefined,
    s: () => alert && !isDistress(alert) && ask(alert, alert.shelf ? 'unshelve' : 'shelve'), y: () => alert?.profile === 'flood' && ask(alert, 'release-hold'), e: () => document.querySelector('[data-test=end-rescue]')?.click(),
    t: act.palette, x: act.silence, h: () => change({ watching: true }), l: act.coverage, r: () => alert && act.replay(alert.alert_id), ...(state.replay ? replayKeys : {}), p: () => (state.dossier ? act.closeDossier() : act.dossier(meant())), '/': () => change({ searching: true }), Escape: act.close, '?': () => change({ help: true }),
  };
  const run = keys[meaning(event.key)];
  if (run && run(event) !== false) event.preventDefault();
}

/** Ask for the words of an action about the open alert. Goes by the state and not by what is drawn: keys come faster than frames. */
function ask(alert, action) {
  if (!alert || state.dossier || !linked()) return false;
  return change({ ordering: { id: alert.alert_id, action } });
}

/** A digit that came before its dialog was drawn. */
function early(event) {
  const { id, action } = state.ordering;
  const body = usual(action, event.key, eventNow());
  if (!body) return;
  change({ ordering: null });
  act.order(id, action, body);
}

const replayKeys = {
  ' ': (event) => (event.target.closest?.('button, a') ? false : play()), b: () => act.endReplay(), c: switchThen, ArrowLeft: () => stepReport(-1), ArrowRight: () => stepReport(1), '[': () => faster(-1), ']': () => faster(1),
};

const inQueueRow = (event) => Boolean(event.target.closest?.('.queue tr'));

function step(by) {
  const id = neighbour(by);
  if (!id) return false;
  act.select(id);
  if (document.activeElement?.closest?.('.queue')) change({ focusRow: id });
  return true;
}

function App() {
  const [, redraw] = useState(0);
  useEffect(() => {
    const again = () => redraw((n) => n + 1);
    subscribe(again);
    const timer = setInterval(again, 1000);
    return () => clearInterval(timer);
  }, []);
  const now = eventNow();
  return html`
    <${Header} eventNow=${now} act=${act} />
    <${ExerciseBanner} />
    <main class=${`screen-${SCREEN}${linked() ? '' : ' cut-off'}`}>
      <${LinkBar} />
      ${SCREEN === 'map' ? null : html`<${Queue} eventNow=${now} act=${act} />`}
      <section class=${`sea ${state.replay?.evidence ? 'replaying' : ''}`} aria-label="Map">
        ${SCREEN === 'queue' ? null : html`<${MapBox} />`}
        <div class="bars"><${DistressBar} eventNow=${now} act=${act} vessels=${vessels} /><${BrokerBar} /><${SilenceBar} /><${SuspendedBar} /><${ClockBar} /><${WatchBar} /><${SoundBar} />
          ${state.replay?.evidence ? html`<p class="past" role="status">${state.alerts.get(state.replay.id)?.exercise ? 'EXERCISE ' : ''}REPLAY, not the present</p>` : null}</div>
        ${state.map === 'none' ? html`<${VesselList} eventNow=${now} />` : null}
        ${state.map === 'off' && SCREEN !== 'queue' ? html`<p class="card drawing" role="status">The map is being drawn…</p>` : null}
        <${Listening} />
        <${VesselCard} eventNow=${now} act=${act} />
        <${RulerCard} />
        ${state.map === 'none' || SCREEN === 'queue' ? null : html`<p class="legal">Approximate. Not for navigation or legal use.</p>`}
        ${state.coverage ? html`<p class="legend" role="status" data-test="coverage">${state.info.coverage ? 'Coverage, class A: the darker, the more of the reports there are heard; no shade: not known.' : 'Coverage is not known to this console.'} ${kbd('l')}</p>` : null}
        <${TrackLegend} wanted=${inFocus()} minutes=${sea && state.map === 'ready' ? tickMinutes(sea.map.getZoom(), sea.map.getCenter().lat) : 0} />
        <${ReplayBar} act=${act} />
        ${state.map === 'lost' ? html`<p class="bar stale">The graphics driver dropped the map; it is being drawn again.</p>` : null}
      </section>
      ${state.dossier ? html`<${Dossier} eventNow=${now} act=${act} />` : SCREEN === 'map' ? null : html`<${Evidence} eventNow=${now} act=${act} vessels=${vessels} then=${state.replay?.then ? shownOf(state.replay).alert : null} />`}
    </main>
    <div id="say" class="unseen" aria-live="polite"></div><div id="say-now" class="unseen" aria-live="assertive"></div>
    ${state.searching ? html`<${SearchDialog} onFound=${(mmsi) => act.dossier(mmsi, true)} />` : null}
    ${state.watching ? html`<${WatchDialog} />` : null}
    ${state.asking ? (state.session.users ? html`<${SessionDialog} />` : html`<${NameDialog} onName=${named} />`) : null}
    ${state.ordering ? html`<${OrderDialog} eventNow=${now} onOrder=${act.order} />` : null}
    ${state.ending ? html`<${RescueDialog} onEnd=${(by, role, reason) => act.endRescue(state.ending, by, role, reason)} />` : null}
    ${state.drifting ? html`<${DriftDialog} vessels=${vessels} />` : null}
    ${state.areas ? html`<${AreasDialog} act=${act} />` : null}
    ${state.sounding ? html`<${SoundDialog} onSilence=${act.silence} />` : null}
    ${state.going ? html`<${GoToDialog} onGo=${act.goTo} />` : null}
    ${state.help ? html`<${HelpDialog} />` : null}`;
}

function named(name) {
  remember(name);
  change({ operator: name, asking: false });
  const then = afterName;
  afterName = null;
  then?.();
}

/** The element MapLibre owns; preact must not touch what is in it. */
function MapBox() {
  const box = useRef(null);
  useEffect(() => {
    startMap(box.current);
  }, []);
  return html`<div class="map" ref=${box} hidden=${state.map === 'none'}></div>`;
}

async function startMap(container) {
  const { SeaMap, hasWebGL2 } = state.info.map ? await import('./map.mjs') : {};
  if (!SeaMap || !hasWebGL2()) {
    change({ map: 'none' });
    return;
  }
  await styleSheet('static/vendor/maplibre-gl.css');
  sea = new SeaMap(container, vessels, state.info);
}

function styleSheet(path) {
  const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: new URL(path, document.baseURI) });
  return new Promise((done, failed) => {
    link.onload = done;
    link.onerror = () => failed(new Error(`${path} is missing`));
    document.head.append(link);
  });
}

/** No data yet is a state with words, never an empty sea. */
function Listening() {
  const { health, info } = state;
  if (!linked() || health.messages === undefined || health.vessels > 0) return null;
  const sources = info.listening ? clean(info.listening, 80) : (info.sources ?? Object.keys(health.sources ?? {})).map((s) => clean(s, 40)).join(', ');
  return html`<div class="card listening" role="status">
    <p><b>Listening${sources ? ` on ${sources}` : ''}…</b> ${health.messages || 'no'} messages in ${duration(health.uptime_s)}.</p>
    <p class="muted">Nothing heard yet: the receiver may be off, on another port, or without an antenna in range. <code>dogwatch doctor</code> checks the rest.</p>
  </div>`;
}

function VesselCard({ eventNow, act }) {
  const s = vessels.slot.get(state.vessel);
  if (s === undefined) return null;
  const v = vessels.describe(s, eventNow / 1000);
  const where = position(v.lat, v.lon);
  return html`<div class="card vessel" aria-label="Vessel" data-test="vessel-card">
    <div class="row"><b>${clean(v.name || 'name not received', 40)}</b><span class="grow"></span>${v.mmsi ? html`<button class="small" data-test="dossier-open" onClick=${() => act.dossier(v.mmsi)}>dossier ${kbd('p')}</button>` : null}<button class="plain" aria-label="Close" onClick=${() => change({ vessel: 0 })}>✕</button></div>
    <div class="num">${v.mmsi ?? '–'}${v.callsign ? ` · ${clean(v.callsign, 10)}` : ''} · ${CLASS_WORDS[v.cls] ?? 'unknown'}${v.length_m ? ` · ${v.length_m} m` : ''}</div>
    <div class="num">${v.sog === null ? 'speed –' : speed(v.sog)} · ${v.cog === null ? 'course –' : `${Math.round(v.cog).toString().padStart(3, '0')}°`} · ${where.minutes}</div>
    <div class="muted">${v.destination ? `to ${clean(v.destination, 30)} · ` : ''}heard ${duration(v.age)} ago${v.flags & FLAG.lost ? ' · lost' : ''}</div>
  </div>`;
}

/** What the map would show, where it cannot: vessels with alerts first, then by age. */
function VesselList({ eventNow }) {
  const rows = Array.from({ length: vessels.count }, (_, s) => s).sort((a, b) => (vessels.flags[b] & 1) - (vessels.flags[a] & 1) || vessels.t[b] - vessels.t[a]).slice(0, 200);
  return html`<div class="scroll pad list" data-test="vessel-list" tabindex="0" role="region" aria-label="Vessels">
    <p class="note">This browser cannot draw the map (WebGL2 or the map library is missing). The list goes on working.</p>
    <table><thead><tr><th>Vessel</th><th>MMSI</th><th>Class</th><th class="n">Speed</th><th class="n">Course</th><th>Position</th><th class="n">Age</th></tr></thead>
    <tbody>${rows.map((s) => {
      const v = vessels.describe(s, eventNow / 1000);
      return html`<tr key=${v.handle}><td>${clean(v.name || '–', 34)}</td><td class="num">${v.mmsi ?? '–'}</td><td>${CLASS_WORDS[v.cls] ?? '–'}</td>
        <td class="n num">${v.sog === null ? '–' : speed(v.sog)}</td><td class="n num">${v.cog === null ? '–' : Math.round(v.cog)}</td><td class="num">${position(v.lat, v.lon).minutes}</td><td class="n num">${duration(v.age)}</td></tr>`;
    })}</tbody></table></div>`;
}

let asking = false;
async function readStatics() {
  if (asking) return;
  asking = true;
  try {
    for (let more = true; more; ) {
      const answer = await getJson(`api/v1/static?since=${vessels.staticVersion}`);
      vessels.takeStatics(answer);
      more = answer.more;
    }
  } catch { /* the state bar tells of a lost link; the next round asks again */ }
  asking = false;
}

export async function start(info, session) {
  loadDisplay();
  const palette = new URLSearchParams(location.search).get('palette') ?? remembered.get('dogwatch.palette') ?? 'day';
  const [operator, role] = session.users ? [session.name, session.role] : [remembered.get('dogwatch.operator') ?? '', remembered.get('dogwatch.role') ?? 'watchstander'];
  change({ info, session, operator: clean(operator, 60), role: clean(role, 20), selected: new URLSearchParams(location.hash.slice(1)).get('alert') ?? '', wallOffset: 0 });
  loadKeys();
  setPalette(PALETTES.includes(palette) ? palette : 'day');
  document.title = `${clean(info.desk ?? 'dogwatch', 60)} · dogwatch`;
  window.dogwatch = { get sea() { return sea; }, vessels, state }; // for tests and for people who look under the bonnet
  document.getElementById('app').replaceChildren(); // the words of index.html, which preact does not own
  render(html`<${App} />`, document.getElementById('app'));
  document.addEventListener('keydown', onKey);
  startSound();
  let ran = performance.now();
  setInterval(() => { advance((performance.now() - ran) / 1000); ran = performance.now(); }, 100);
  const past = new URLSearchParams(location.hash.slice(1));
  if (past.has('replay') && state.selected) act.replay(state.selected, Number(past.get('replay')));
  setFilter(Object.fromEntries(['text', 'level', 'show'].map((name) => [name, past.get(`filter-${name}`) ?? ''])));
  if (past.has('vessel')) act.dossier(Number(past.get('vessel')));
  followScreen((id) => act.select(id, true), (id) => act.replay(id));
  subscribe(tellSelected);
  followAlerts(news);
  let due = 0;
  followVessels((buffer) => {
    const fresh = vessels.take(buffer, performance.now() / 1000);
    sea?.placeOnce();
    if (fresh.length || performance.now() > due) {
      due = performance.now() + 5000;
      readStatics();
    }
  });
  subscribe(beat);
  subscribe(({ health }) => { if (health.wall_ms && health !== start.seen) { start.seen = health; state.wallOffset = health.wall_ms - Date.now(); } });
}
