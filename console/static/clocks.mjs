// Whether the clocks can be trusted: this computer's beside the server's, and event time that stands still. May live here: that bar. May not: times of alerts.

import { html } from './html.mjs';
import { linked, state } from './store.mjs';
import { duration } from './text.mjs';

const APART_S = 2;
const STILL_S = 120; // longer than the lateness that an aggregator is allowed
const HEARD = 5; // a message that waited, as after sleep, makes the server look late: of the last ones the one that waited least counts
let offsets = [];
let latest = null;
let mark = { watermark: undefined, messages: 0, since: 0 };

/** Seconds by which the server's clock is before this computer's. */
function apartBy(health) {
  if (health !== latest && health.wall_ms) [latest, offsets] = [health, [...offsets.slice(1 - HEARD), state.wallOffset / 1000]];
  return offsets.length < HEARD ? 0 : Math.max(...offsets);
}

/** For how long the watermark has stood still although messages came, in seconds; 0 where it moves or nothing is known of it. */
function still({ watermark_ms: watermark, messages }) {
  if (watermark === undefined || watermark === null) return 0;
  if (watermark !== mark.watermark || mark.since === 0) mark = { watermark, messages, since: performance.now() };
  return messages > mark.messages ? (performance.now() - mark.since) / 1000 : 0;
}

/** Over the map: a clock that is off, or a clock of events that stands. */
export function ClockBar() {
  const [apart, stood] = [apartBy(state.health), still(state.health)];
  if (!linked()) return null;
  if (stood > STILL_S) return html`<div class="bar stale" role="status" data-test="clock-stands"><strong>Event time has stood still for ${duration(stood)} although messages come.</strong> No alert is judged and no shelf ends until it moves: one source holds the others back, see its lateness and clock with <code>dogwatch doctor</code>.</div>`;
  if (!(Math.abs(apart) > APART_S)) return null;
  return html`<div class="bar stale" role="status" data-test="clock-off"><strong>This computer's clock is ${duration(Math.abs(apart))} ${apart > 0 ? 'behind' : 'ahead of'} the server's.</strong> The page goes by the server; set the clock by the network before you write times down.</div>`;
}
