// What the page knows, in one place. May live here: state and its changes, what is in the queue. May not: DOM, network.

import { LEVELS, levelRank } from './text.mjs';

export const PALETTES = ['day', 'dusk', 'night'];
const OVER_MAX = 2000; // alerts off the queue that the page keeps; the server keeps more
const ALERTS_MAX = 20_000; // of any kind, as many as the server's board has

const listeners = new Set();
let scheduled = false;
let grown = 0; // alerts that came since the page last let go of some
let unsettled = false; // alerts came since the queue was last brought into order: that is done once a frame, however many came

export const state = {
  info: {},
  alerts: new Map(), // alert_id -> record
  health: {},
  loaded: false, // the alerts were read once: before that an empty queue means nothing
  link: { alerts: false, vessels: false, since: performance.now() }, // since: when a link was last whole
  selected: '', // alert_id
  focusRow: '', // alert_id whose row is to have the focus as soon as it is drawn
  vessel: 0, // handle of a vessel that was clicked
  dossier: null, // { mmsi, found, fault } of the vessel whose dossier is open
  filter: { text: '', level: '', show: 'queue' },
  hidden: 0, // alerts of the queue that the filter hides
  searching: false, // the search is open
  palette: 'day',
  session: { users: false, name: '', role: '' }, // who has logged in, where the console has users
  operator: '',
  watching: false, // the dialog of the watch is open
  asking: false, // the name dialog is open
  ordering: null, // { id, action } that asks for words
  ending: '', // alert_id whose rescue area is about to be ended
  tracks: true, // of the vessel in focus are shown
  track: null, // what the server told of them
  coverage: false, // where the receivers hear is shown
  ruler: null, // { at, to, handle, name, fixed } while range and bearing are measured (ruler.mjs)
  pin: null, // { lat, lon } of a position that was gone to
  going: false, // the dialog that asks for one is open
  help: false,
  sound: { can: 'blocked', risk: true, repeat: '', until: 0, by: '', fault: '', played: [] }, // can: blocked (no key or click yet), on, none (sound.mjs)
  aid: null, // { id, found, fault }: who can be at the call first (rescuers.mjs)
  drift: null, // { id, given, found }: where it drifts
  drifting: '', // alert_id whose drift is asked for
  areas: false, // the panel of rescue areas is open
  sounding: false, // the dialog of the sounds is open
  replay: null, // { id, evidence, from, to, now, speed, playing } while the past is shown (replay.mjs)
  notice: null, // { text, kind } about the last action
  shown: [], // alert ids in the order of the queue
  waiting: [], // new ids that wait behind the bar while somebody points at the queue
  held: false, // pointer or focus is in the queue
  map: 'off', // off, ready, lost, none
};

/** Call `listener` after each burst of changes. */
export function subscribe(listener) {
  listeners.add(listener);
}

/** Change fields and tell the listeners, once per animation frame at most. */
export function change(fields = {}) {
  Object.assign(state, fields);
  if (scheduled) return;
  scheduled = true;
  const tell = () => {
    scheduled = false;
    settle();
    for (const listener of listeners) listener(state);
  };
  document.hidden ? setTimeout(tell, 0) : requestAnimationFrame(tell);
}

export const isDistress = (a) => a.level === 'emergency';
export const isAside = (a) => Boolean(a.disposition || a.shelf || a.held); // closed, shelved or folded into a flood: off the queue, still on the board
export const isOpen = (a) => a.condition === 'active' && !a.ack && !isAside(a);
export const linked = () => state.link.alerts && state.link.vessels;

/** Does an alert belong in the queue? Cleared or retracted ones stay until seen; a caution that cleared leaves by itself. */
export function inQueue(a) {
  if (isAside(a)) return isDistress(a) && a.condition === 'active';
  if (a.condition === 'active') return true;
  if (a.ack) return false;
  return !(a.condition === 'cleared' && a.level === 'caution');
}

export const SHOWS = { queue: 'the queue', mine: 'mine', free: 'of nobody', shelved: 'shelved', closed: 'closed', held: 'held in a flood' };
const LISTS = {
  queue: inQueue, mine: (a) => inQueue(a) && a.owner?.name === state.operator, free: (a) => inQueue(a) && !a.owner,
  shelved: (a) => Boolean(a.shelf), closed: (a) => Boolean(a.disposition), held: (a) => Boolean(a.held),
};

/** What the filter lets through. Distress is never filtered away. */
function passes(a) {
  if (isDistress(a) && a.condition === 'active') return true;
  const { text, level, show } = state.filter;
  if (!LISTS[show](a) || (level && levelRank(a.level) < levelRank(level))) return false;
  if (!text) return true;
  const said = [a.headline, a.profile, ...a.mmsi, ...a.subjects.flatMap((s) => [s.name, s.callsign, s.imo]), ...a.contributions.map((c) => c.name)];
  return text.toLowerCase().split(' ').every((word) => said.some((one) => String(one ?? '').toLowerCase().includes(word)));
}

export const filtered = () => Boolean(state.filter.text || state.filter.level || state.filter.show !== 'queue');

/** Change the filter; what passes is in view at once. */
export function setFilter(fields) {
  const filter = { ...state.filter, ...fields };
  state.filter = { text: filter.text.replace(/[&#%+=]/g, ' ').slice(0, 60), level: LEVELS.includes(filter.level) ? filter.level : '', show: SHOWS[filter.show] ? filter.show : 'queue' };
  arrange(true);
  change();
}

const group = (a) => (isDistress(a) && a.condition === 'active' ? 0 : isOpen(a) ? 1 : a.condition === 'active' ? 2 : 3);
const later = (a, b) => (a < b ? 1 : a > b ? -1 : 0);

/** Alerts in the order of the queue. */
function inOrder(alerts) {
  const placed = alerts.map((a) => [group(a), levelRank(a.level), a]);
  placed.sort((a, b) => a[0] - b[0] || b[1] - a[1] || later(a[2].t_first, b[2].t_first) || later(b[2].alert_id, a[2].alert_id));
  return placed.map((one) => one[2]);
}

/** Take records (from api/alerts or the stream); the larger revisions win. Returns those that are news. */
export function takeAlerts(records, whole = false) {
  const news = [];
  if (whole) state.alerts = new Map();
  for (const record of records) {
    const known = state.alerts.get(record.alert_id);
    if (known && (record.revision < known.revision || (record.revision === known.revision && record.op_revision < known.op_revision))) continue;
    if (!known) grown += 1;
    if (!known || levelRank(record.level) > levelRank(known.level)) news.push(record);
    state.alerts.set(record.alert_id, record);
  }
  unsettled = true;
  if (grown > OVER_MAX / 20) forget(); // a hidden page draws no frames, and is not to grow meanwhile
  change();
  return news;
}

/** Bring the queue into order, if alerts came since that was done. */
function settle() {
  if (!unsettled) return;
  unsettled = false;
  forget();
  arrange();
}

/** Let go of the oldest alerts that are over, a twentieth at a time; a page is open for days. */
function forget() {
  grown = 0;
  const over = [...state.alerts.values()].filter((a) => !inQueue(a) && a.alert_id !== state.selected);
  const most = Math.min(OVER_MAX, Math.max(0, ALERTS_MAX - (state.alerts.size - over.length)));
  if (over.length <= most * 1.05) return;
  over.sort((a, b) => isAside(a) - isAside(b) || later(b.t_last, a.t_last));
  for (const a of over.slice(0, over.length - most)) state.alerts.delete(a.alert_id);
}

/** Bring the queue into order; while it is held nothing moves, and what is new waits (distress has its banner and needs no row). */
export function arrange(force = false) {
  const passing = [];
  state.hidden = 0;
  for (const a of state.alerts.values()) {
    if (passes(a)) passing.push(a);
    else if (inQueue(a)) state.hidden += 1;
  }
  const wanted = grouped(inOrder(passing));
  if (!state.held || force) {
    state.shown = wanted.map((a) => a.alert_id);
    state.waiting = [];
    return;
  }
  const shown = new Set(state.shown);
  state.shown = state.shown.filter((id) => state.alerts.has(id));
  state.waiting = wanted.filter((a) => !shown.has(a.alert_id)).map((a) => a.alert_id);
}

/** While the whole room is flooded the queue stands by rule: the rule whose first alert stands highest comes first. */
function grouped(alerts) {
  if (!state.health.room_flood) return alerts;
  const rules = new Map();
  for (const a of alerts) {
    if (!rules.has(a.rule)) rules.set(a.rule, []);
    rules.get(a.rule).push(a);
  }
  return [...rules.values()].flat();
}

/** Hold the queue still, or let it move again. */
export function hold(held) {
  if (held === state.held) return;
  state.held = held;
  if (!held) arrange();
  change();
}

/** The id `step` rows further in the queue. */
export function neighbour(step) {
  settle();
  const at = state.shown.indexOf(state.selected);
  if (at < 0) return state.shown[step > 0 ? 0 : state.shown.length - 1] ?? '';
  return state.shown[Math.max(0, Math.min(state.shown.length - 1, at + step))] ?? '';
}

/** After an acknowledgement: the next open alert below, else the first open one, else stay. */
export function nextOpen(from) {
  settle();
  const at = state.shown.indexOf(from);
  const ids = [...state.shown.slice(at + 1), ...state.shown.slice(0, Math.max(0, at))];
  return ids.find((id) => isOpen(state.alerts.get(id) ?? {})) ?? from;
}
