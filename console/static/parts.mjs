// Small pieces that several panels share. May live here: icons, dialogs, banners. May not: requests, order of the queue.

import { html, useEffect, useRef } from './html.mjs';
import { DisplayFields } from './display.mjs';
import { KeyFields } from './keys.mjs';
import { SCREEN, screenAddress } from './screens.mjs';
import { Signer } from './session.mjs';
import { change, isDistress, isOpen, linked, state } from './store.mjs';
import { brief, clean, duration, position } from './text.mjs';

const FORMS = {
  emergency: () => html`<circle cx="10" cy="10" r="8.2" /><path class="cut" d="M5.6 5.6l8.8 8.8M14.4 5.6l-8.8 8.8" />`,
  alarm: () => html`<path d="M10 1.6 19 17.6H1z" />`,
  warning: () => html`<circle cx="10" cy="10" r="8" />`,
  caution: () => html`<path d="M2.5 2.5h15v15h-15z" />`,
};

const tick = () => html`<path class="cut" d="M5.8 10.6l3 3 5.4-6.4" />`;

/** The shape and colour of a level; flashing while nobody has acknowledged. A cleared one has a tick: a flash in its empty half looks like it otherwise. */
export function LevelIcon({ alert }) {
  const flash = isOpen(alert) && alert.level !== 'caution' ? 'flash' : '';
  return html`<svg class=${`icon ${alert.level} ${flash} ${alert.condition}`} viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">${FORMS[alert.level]()}${alert.condition === 'cleared' ? tick() : null}</svg>`;
}

/** What an alert's state is, in one word. */
export function conditionWord(alert) {
  if (alert.condition === 'retracted') return 'retracted';
  if (alert.condition === 'cleared') return 'cleared';
  return alert.ack ? 'acknowledged' : 'open';
}

/** Subjects by name, by MMSI where no name was heard: 'PALE DOTTEREL + 198100005'. */
export function who(alert) {
  const named = new Map(alert.subjects.map((s) => [s.mmsi, s.name]));
  return alert.mmsi.map((mmsi) => (named.get(mmsi) ? clean(named.get(mmsi), 30) : `MMSI ${mmsi}`)).join(' + ') || clean(alert.profile, 40);
}

/** Distress, pinned above everything until it is over. */
export function DistressBar({ eventNow, act, vessels }) {
  const active = [...state.alerts.values()].filter((a) => isDistress(a) && a.condition === 'active').sort((a, b) => isOpen(b) - isOpen(a) || b.t_last.localeCompare(a.t_last));
  if (!active.length) return null;
  const first = active[0];
  const { lat, lon, at } = vessels.latest(first);
  const where = position(lat, lon);
  const said = `${first.exercise ? 'EXERCISE ' : ''}DISTRESS${active.length > 1 ? ` (${active.length})` : ''}: ${clean(brief(first.headline).what, 120)}`;
  return html`<section class=${`distress ${isOpen(first) ? 'flash-border' : ''}`} role="alert" aria-label="Distress">
    <${LevelIcon} alert=${first} />
    <div class="grow">
      <strong title=${`${said}, ${who(first)}`}>${said}</strong>
      <div><b>${who(first)}</b> · <b class="num">${where.minutes}</b> · heard ${duration((eventNow - at) / 1000)} ago · <span class="thin num">${where.degrees}</span></div>
    </div>
    <button onClick=${() => act.select(first.alert_id, true)}>Show</button>
    ${first.ack
      ? html`<span class="by" title=${clean(first.ack.by, 60)}>acknowledged by ${clean(first.ack.by, 60)}</span>`
      : html`<button class="primary" disabled=${!linked()} onClick=${() => act.acknowledge(first.alert_id)}>Acknowledge</button>`}
  </section>`;
}

// Bars lie over the page instead of pushing it: nothing may move under a pointer that is about to press.

/** No link to the server: across the whole page. */
export function LinkBar() {
  const lost = (performance.now() - state.link.since) / 1000;
  if (linked() || lost < 2) return null;
  return html`<div class="bar bad" role="alert">
    <strong>Link to the server lost for ${duration(lost)}.</strong> What you see is old. Acknowledging is off until the link is back. Trying again…
  </div>`;
}

/** Linked to the server, and the server has lost its broker: over the map. */
export function BrokerBar() {
  const { broker } = state.health;
  if (!linked() || !broker?.down_s) return null;
  return html`<div class="bar stale" role="alert" data-test="broker-down">
    <strong>The broker at ${clean(broker.address, 60)} has not answered for ${duration(broker.down_s)}.</strong> No alert and no position comes until it does, distress neither. What you decide is still recorded.
    Start the broker, or see what <code>dogwatch doctor --config …</code> says.
  </div>`;
}

/** Linked, but the sources say nothing: over the map. */
export function SilenceBar() {
  const { health } = state;
  if (!linked() || health.broker?.down_s || !(health.messages > 0) || !(health.silent_s > 30)) return null; // where the broker is gone, that is the news
  const sources = Object.entries(health.sources ?? {}).filter(([, word]) => word !== 'up').map(([id]) => clean(id, 30));
  return html`<div class="bar stale" role="status">
    <strong>No messages for ${duration(health.silent_s)}.</strong> Vessels fade as their data grow old; silence here is not calm at sea. 
    ${sources.length ? `Silent: ${sources.join(', ')}.` : ''}
  </div>`;
}

/** Asks once who is watching. */
export function NameDialog({ onName }) {
  const box = useRef(null);
  useEffect(() => {
    box.current?.showModal();
  }, []);
  const submit = (event) => {
    event.preventDefault();
    const name = clean(event.target.elements.who.value.trim(), 60);
    if (!name) return;
    box.current.close(); // at once, so that the next key already goes to the page
    onName(name);
  };
  return html`<dialog ref=${box} onClose=${() => change({ asking: false })} aria-labelledby="ask">
    <form onSubmit=${submit}>
      <h2 id="ask">Who is on watch?</h2>
      <p>Your name is written beside each acknowledgement, on every screen and in the log. This browser remembers it.</p>
      <label>Name <input name="who" maxlength="60" autocomplete="off" autofocus defaultValue=${state.operator} /></label>
      <div class="row end">
        <button type="button" onClick=${() => box.current.close()}>Cancel</button>
        <button class="primary" type="submit">Go on</button>
      </div>
    </form>
  </dialog>`;
}

const ROLES = ['watchstander', 'supervisor'];

/** Asks who ends a rescue, in which role and why: from then on nobody is excused by it. */
export function RescueDialog({ onEnd }) {
  const box = useRef(null);
  useEffect(() => {
    box.current?.showModal();
  }, []);
  const submit = (event) => {
    event.preventDefault();
    const { who: name, role, reason: why } = event.target.elements;
    const [by, as, text] = [clean(name.value.trim(), 60), role.value, clean(why.value.trim(), 300)];
    if (!by || !as || !text) return;
    box.current.close();
    onEnd(by, as, text);
  };
  return html`<dialog ref=${box} onClose=${() => change({ ending: '' })} aria-labelledby="end">
    <form onSubmit=${submit}>
      <h2 id="end">End this rescue area?</h2>
      <p>Vessels near it are excused: what they do there is kept back. Once ended, it is judged anew, and the signal that goes on does not open it again. The distress alert itself stays.</p>
      <${Signer} roles=${ROLES} />
      <label>Reason <input name="reason" maxlength="300" autocomplete="off" autofocus /></label>
      <div class="row end">
        <button type="button" onClick=${() => box.current.close()}>Cancel</button>
        <button class="primary" type="submit" data-test="end-rescue-now">End it</button>
      </div>
    </form>
  </dialog>`;
}

export function HelpDialog() {
  const box = useRef(null);
  useEffect(() => {
    box.current?.showModal();
  }, []);
  return html`<dialog ref=${box} onClose=${() => change({ help: false })} aria-label="Keys, time and units">
    <${DisplayFields} />
    <${KeyFields} />
    <p class="muted" data-test="screens">Two monitors: <a href=${screenAddress('queue')}>the queue alone</a>, and <a href=${screenAddress('map')}>the map alone</a> in a window on the other; they follow each other${SCREEN === 'all' ? '' : html`, or <a href=${screenAddress('')}>both on one screen</a>`}.</p>
    <p class="muted">Map symbols are styled after IMO SN.1/Circ.243. Third-party licences: <a href="static/vendor/LICENCES.txt" target="_blank" rel="noopener">list</a>. Something odd? <a href="selftest">Self-test of this browser</a>.</p>
    <div class="row end"><button class="primary" onClick=${() => box.current.close()}>Close</button></div>
  </dialog>`;
}
