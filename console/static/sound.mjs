// What the desk hears. May live here: tones (WebAudio, no file), when they are due, silence and its end. May not: acknowledging, the log itself (the server keeps it).
//
// Distress has a sound of its own, the two tones of the radiotelephone alarm, and repeats until somebody acknowledges; an alarm is three short tones, again and
// again; a warning two, once; a caution none. Distress cannot be turned off, only silenced: half a minute, in view, in the log, and a new alarm ends it.
// A browser makes no sound before the first key or click on the page: until then the page says so.

import { html, useEffect, useRef } from './html.mjs';
import { kbd } from './keys.mjs';
import { change, isDistress, isOpen, state } from './store.mjs';
import { clean, duration } from './text.mjs';
import { postSilence } from './wire.mjs';

const VOLUME = 0.5;
// name: [tones of [Hz, from s, to s], repeats each s; 0: once]
export const TONES = {
  distress: [Array.from({ length: 16 }, (_, i) => [i % 2 ? 1300 : 2200, i * 0.25, (i + 1) * 0.25]), 6],
  alarm: [[[880, 0, 0.16], [880, 0.28, 0.44], [880, 0.56, 0.72]], 8],
  warning: [[[660, 0, 0.16], [660, 0.3, 0.46]], 0],
};
const TURN_OFF = 'dogwatch.risk-sound';
const heard = new Set(); // 'alert level' of what has been new once
const channel = typeof BroadcastChannel === 'function' ? new BroadcastChannel('dogwatch.silence') : null; // the other monitor of the same desk
let context = null;
let tones = []; // what is in the loudspeaker
let due = 0; // when the repeating sound comes again, ms of the page
let began = false; // what was open when the page opened is no news

/** Put the tones of a sound into an audio context, from its time `at` on; flanks of 10 ms, or they click. Returns the tones, to stop them. */
export function schedule(audio, name, at) {
  return TONES[name][0].map(([hertz, from, to]) => {
    const tone = audio.createOscillator(), gain = audio.createGain();
    tone.frequency.value = hertz;
    tone.type = 'triangle';
    gain.gain.setValueAtTime(0, at + from);
    gain.gain.linearRampToValueAtTime(VOLUME, at + from + 0.01);
    gain.gain.setValueAtTime(VOLUME, at + to - 0.01);
    gain.gain.linearRampToValueAtTime(0, at + to);
    tone.connect(gain).connect(audio.destination);
    tone.start(at + from);
    tone.stop(at + to);
    return tone;
  });
}

/** What must sound again and again now ('distress', 'alarm' or ''), and whether something is new in it since `known`; adds to `known`. */
export function sounding(alerts, known, risk) {
  const open = [...alerts].filter(isOpen);
  const keys = open.map((a) => [a, `${a.alert_id} ${a.level}`]).filter(([, key]) => !known.has(key));
  for (const [, key] of keys) known.add(key);
  const fresh = keys.map(([a]) => a);
  const loud = (a) => isDistress(a) || (risk && a.level === 'alarm');
  return {
    repeat: open.some(isDistress) ? 'distress' : risk && open.some((a) => a.level === 'alarm') ? 'alarm' : '',
    fresh: fresh.some(loud), once: risk && fresh.some((a) => a.level === 'warning'),
  };
}

const silent = () => state.sound.until > performance.now();
const mayWrite = () => !state.session.users || !['viewer', 'auditor'].includes(state.session.role);
const put = (fields) => change({ sound: { ...state.sound, ...fields } });

function play(name) {
  if (state.sound.can !== 'on') return;
  tones = schedule(context, name, context.currentTime + 0.05);
  state.sound.played = [...state.sound.played.slice(-9), name];
}

/** Look at the alerts: sound what is due. Called on each change and twice a second. */
function beat() {
  const { repeat, fresh, once } = sounding(state.alerts.values(), heard, state.sound.risk);
  if (state.sound.repeat !== repeat) put({ repeat });
  if (fresh && began && silent()) put({ until: 0 });
  if (fresh) due = 0;
  const warns = once && began && !state.health.room_flood;
  began = began || state.link.alerts;
  if (silent()) return;
  if (repeat && performance.now() >= due) {
    if (state.sound.can === 'on') due = performance.now() + 1000 * TONES[repeat][1];
    play(repeat);
  } else if (!repeat && warns) play('warning');
}

/** Begin: from the first key or click on there is sound. */
export function startSound() {
  try { state.sound.risk = localStorage.getItem(TURN_OFF) !== 'off'; } catch { /* private windows */ }
  const wake = async () => {
    try {
      context ??= new AudioContext();
      if (context.state !== 'running') await context.resume();
      put({ can: context.state === 'running' ? 'on' : 'blocked' });
      beat();
    } catch { put({ can: 'none' }); }
  };
  const gesture = () => { if (state.sound.can !== 'on' || context.state !== 'running') wake(); };
  for (const kind of ['pointerdown', 'keydown']) document.addEventListener(kind, gesture, true);
  if (channel) channel.onmessage = ({ data }) => quiet(data);
  setInterval(beat, 500);
}
export { beat };

/** Silence the desk for the time that the server allows: once it is in the log, not before. */
export async function silence() {
  if (!state.sound.repeat || silent()) return;
  const { status, body } = await postSilence({ by: state.operator, role: state.role });
  if (status !== 200) {
    put({ fault: `Not silenced, because it is not in the log: ${clean(body.error ?? `answer ${status}`, 160)}` });
    return;
  }
  channel?.postMessage(body);
  quiet(body);
}

function quiet({ by, seconds }) {
  put({ until: performance.now() + seconds * 1000, by: clean(by, 60), fault: '' });
  for (const tone of tones) tone.stop();
}

function setRisk(on) {
  try { localStorage.setItem(TURN_OFF, on ? 'on' : 'off'); } catch { /* private windows */ }
  put({ risk: on });
}

const left = () => duration((state.sound.until - performance.now()) / 1000);
const WORDS = { blocked: 'sound is off', none: 'no sound here' };

/** The buttons of the top line. */
export function SoundButton({ onSilence }) {
  const { can, risk, repeat } = state.sound;
  const text = silent() ? `silenced ${left()}` : WORDS[can] ?? (risk ? 'sound' : 'distress sounds only');
  return html`<button class=${`plain sound ${can === 'on' && !silent() ? '' : 'off'}`} data-test="sound" onClick=${() => change({ sounding: true })} title="Sounds of this desk: try them, choose them">${text}</button>${repeat && can === 'on' && !silent() && mayWrite() ? html`<button class="small" data-test="silence" onClick=${onSilence} title="All sounds of this desk are off for 30 s; it stands in the log">silence 30 s ${kbd('x')}</button>` : null}`;
}

/** Sound that is off, and a silence, are never out of sight. */
export function SoundBar() {
  const { can, repeat, by, fault } = state.sound;
  if (silent()) return html`<div class="bar quiet" role="status" data-test="silenced"><strong>Silenced for ${left()} more</strong>${by ? ` by ${by}` : ''}; it stands in the watch log. Nothing is acknowledged by it; a new alarm ends it.</div>`;
  if (fault && repeat) return html`<div class="bar stale" role="alert" data-test="sound-fault"><strong>${fault}.</strong> The sound goes on.</div>`;
  if (can === 'blocked') return html`<div class="bar stale" role="status" data-test="sound-blocked"><strong>Sound is off until you press a key or click here:</strong> browsers make none before. <button class="small">Sound on</button></div>`;
  if (can === 'none') return html`<div class="bar stale" role="status"><strong>This browser cannot sound an alarm.</strong> Keep the page in view, or use another browser at this desk.</div>`;
  return null;
}

/** Try the sounds; choose whether anything but distress makes one. */
export function SoundDialog({ onSilence }) {
  const box = useRef(null);
  useEffect(() => {
    box.current?.showModal();
  }, []);
  const { can, risk, repeat } = state.sound;
  return html`<dialog ref=${box} onClose=${() => change({ sounding: false })} aria-labelledby="sounds">
    <h2 id="sounds">Sounds of this desk</h2>
    <p role="status" data-test="sound-state">${can === 'on' ? 'The browser makes sounds. Whether the speaker does, you hear by trying.' : WORDS[can]}</p>
    <p class="row">${Object.keys(TONES).map((name) => html`<button type="button" data-test=${`try-${name}`} onClick=${() => play(name)}>Try ${name}</button>`)}</p>
    <p class="muted">Distress: two tones until it is acknowledged. Alarm: three short tones, again and again. Warning: two, once. Caution: none.</p>
    <label><input type="checkbox" data-test="risk-sound" checked=${risk} onChange=${(event) => setRisk(event.target.checked)} /> Alarms and warnings sound at this desk</label>
    <p class="muted">Distress always sounds. It can be silenced for 30 s with ${kbd('x')}, under a name, in the watch log.</p>
    <div class="row end">
      ${repeat && mayWrite() ? html`<button type="button" onClick=${() => { box.current.close(); onSilence(); }}>Silence for 30 s</button>` : null}
      <button class="primary" type="button" autofocus onClick=${() => box.current.close()}>Close</button>
    </div>
  </dialog>`;
}
