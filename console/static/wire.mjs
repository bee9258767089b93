// The links to the server: the alert stream, the vessel stream, requests. May live here: fetch, EventSource, WebSocket.
// May not: drawing, order of the queue. All addresses are relative to the page, so that a proxy prefix works.

import { follow } from './feed.mjs';
import { change, state, takeAlerts } from './store.mjs';

const at = (path) => new URL(path, document.baseURI);
const RETRY_MS = 1500;
const PAGE = 1000; // alerts of one answer

/** JSON of a GET; throws with the server's own words. */
export async function getJson(path) {
  const answer = await fetch(at(path));
  if (answer.status === 401) location.reload(); // the session is over: the page asks who it is
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error ?? `${answer.status} ${answer.statusText}`);
  return body;
}

/** Acknowledge; resolves to { status, body } whatever the server says, and to status 0 where it cannot be reached. */
export const postAck = (record, by) => decide(record, 'ack', { by, seen_revision: record.revision });

/** Take, assign, dismiss, shelve and the like; resolves as `postAck`. */
export const postOrder = (record, action, body) => decide(record, action, body);

/** End the rescue areas that an alert opened; resolves as `postAck`. */
export const postEndRescue = (record, by, role, reason) => decide(record, 'end-rescue', { by, role, reason });

/** Open a rescue area by hand; resolves as `postAck`. */
export const postBeginRescue = (body) => post('api/v1/rescues', body);

/** Log in; resolves as `postAck`. */
export const postSession = (body) => post('api/v1/session', body);

/** Log out; resolves as `postAck`. */
export const postSessionEnd = () => post('api/v1/session/end', {});

/** Log that this desk is silent for a while; resolves as `postAck`. */
export const postSilence = (body) => post('api/v1/silence', body);

/** A step of the watch; resolves as `postAck`. */
export const postWatch = (step, version, body) => post(`api/v1/watch/${step}`, body, { 'If-Match': `"${version}"` });

const turns = new Map(); // alert id → the step sent from here last, while its answer is on its way

/** One step about an alert after the other: a key is faster than the answer to the key before it, and has to name the revision in that answer. */
async function decide(record, what, body) {
  const id = record.alert_id;
  const before = turns.get(id);
  const turn = (async () => {
    const own = await before;
    const seen = own?.status === 200 ? Math.max(own.body.op_revision, record.op_revision) : record.op_revision;
    return post(`api/v1/alerts/${encodeURIComponent(id)}/${what}`, body, { 'If-Match': `"${seen}"`, 'Idempotency-Key': randomKey() });
  })();
  turns.set(id, turn);
  const said = await turn;
  if (turns.get(id) === turn) turns.delete(id);
  if (said.status === 401) location.reload();
  return said;
}

async function post(path, body, headers = {}) {
  try {
    const answer = await fetch(at(path), { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) });
    return { status: answer.status, body: await answer.json().catch(() => ({})) };
  } catch {
    return { status: 0, body: { error: 'the server cannot be reached', remedy: 'nothing was recorded; try again when the link is back' } };
  }
}

const randomKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16).padStart(8, '0')).join('');

function setLink(name, up) {
  const before = state.link.alerts && state.link.vessels;
  const link = { ...state.link, [name]: up };
  if (before && !up) link.since = performance.now();
  change({ link });
}

/** Every alert of the board, page by page; the worst, which come first, are shown while the rest is read. */
async function everyAlert() {
  const first = await getJson(`api/v1/alerts?limit=${PAGE}`);
  const alerts = first.alerts;
  if (first.next) takeAlerts(first.alerts);
  for (let { next } = first; next; ) {
    const page = await getJson(`api/v1/alerts?limit=${PAGE}&after=${encodeURIComponent(next)}`);
    alerts.push(...page.alerts);
    next = page.next;
  }
  return { alerts, health: first.health };
}

/** The stream of events of this browser: one for all its pages where it has shared workers, else one for each. */
function events(tell) {
  const alone = () => follow(at('api/v1/events'), tell);
  if (!window.SharedWorker) return alone();
  const worker = new SharedWorker(at('static/feed_worker.mjs'), { type: 'module', name: 'dogwatch' });
  worker.onerror = () => { worker.port.close(); alone(); }; // no modules in its workers
  worker.port.onmessage = ({ data }) => tell(data);
  addEventListener('pagehide', () => worker.port.postMessage('bye'));
  return undefined;
}

/** Follow the alerts for good: the stream first, then the whole state, so that what comes meanwhile is heard twice rather than never. */
export function followAlerts(onNews) {
  let early = null; // alerts that came while the state is being read
  let timer;
  let round = 0;
  const read = async () => {
    clearTimeout(timer);
    const mine = ++round;
    early = [];
    try {
      const { alerts, health } = await everyAlert();
      if (mine !== round) return;
      takeAlerts(alerts, true);
      onNews(takeAlerts(early));
      early = null;
      change({ health, loaded: true });
    } catch {
      if (mine === round) timer = setTimeout(read, RETRY_MS);
    }
  };
  const heard = {
    up: () => setLink('alerts', true),
    down: ({ over }) => { setLink('alerts', false); if (over) read(); }, // who has no session any more learns it so
    hello: read,
    reset: read,
    alert: ({ data }) => { const record = JSON.parse(data); early?.push(record); onNews(takeAlerts([record])); },
    health: ({ data }) => change({ health: JSON.parse(data) }),
  };
  events((message) => heard[message.kind](message));
}

/** Follow the picture for good. `onFrame` gets each frame (ArrayBuffer). */
export function followVessels(onFrame) {
  const open = () => {
    const url = at('api/v1/vessels');
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url);
    let watchdog;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => socket.close(), 10_000); // the server speaks twice a second, even with nothing to say
    };
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => { setLink('vessels', true); alive(); };
    socket.onmessage = (event) => { alive(); onFrame(event.data); };
    socket.onclose = () => {
      clearTimeout(watchdog);
      setLink('vessels', false);
      setTimeout(open, RETRY_MS);
    };
  };
  open();
}
