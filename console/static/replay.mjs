// What happened, on a time bar: tracks up to the playhead, silences, traffic and receivers meanwhile. May live here: the replay's own
// state, its bar, its features for the map. May not: requests but for its evidence, judgement; the map draws what `features` returns.

import { html, useEffect, useRef } from './html.mjs';
import { kbd } from './keys.mjs';
import { change, state } from './store.mjs';
import { clean, clock, dateTime, duration, speed, stamp } from './text.mjs';
import { getJson } from './wire.mjs';

export const SPEEDS = [1, 10, 60, 120, 300, 600];
export const GAP_MS = 480_000; // without a report for so long a ship counts as lost: the line between is not its track
const WIDTH = 1000; // of the bar's drawing, stretched to its place

/** Ask for the evidence of an alert and show it from the beginning (or from `at`, ms). */
export async function openReplay(id, at = NaN) {
  change({ replay: { id, loading: true } });
  try {
    const evidence = await getJson(`api/v1/alerts/${encodeURIComponent(id)}/evidence`);
    if (state.replay?.id !== id) return;
    const { from_ms: from, to_ms: to } = evidence;
    const whole = Number.isFinite(at);
    change({ replay: { id, evidence, from, to, now: whole ? Math.min(to, Math.max(from, at)) : from, speed: 300, playing: !whole } });
  } catch (fault) {
    change({ replay: { id, fault: clean(fault.message, 200) } });
  }
}

/** What the replay shows: all that is known now, or the alert and the tracks as they were known when it came up. */
export function shownOf({ evidence, then }) {
  return then && evidence?.then ? { ...evidence, alert: { ...evidence.alert, ...evidence.then.alert }, tracks: evidence.then.tracks } : evidence;
}

/** Change between what was known then and what is known now. */
export function switchThen() {
  const { replay } = state;
  if (replay?.evidence?.then) change({ replay: { ...replay, then: !replay.then } });
}

export const closeReplay = () => change({ replay: null });

/** Go to a time; playing goes on as it was. */
export function seek(ms) {
  const { replay } = state;
  if (replay?.evidence) change({ replay: { ...replay, now: Math.min(replay.to, Math.max(replay.from, ms)) } });
}

export function play(playing = !state.replay?.playing) {
  const { replay } = state;
  if (replay?.evidence) change({ replay: { ...replay, playing, now: playing && replay.now >= replay.to ? replay.from : replay.now } });
}

export function faster(by) {
  const { replay } = state;
  if (replay?.evidence) change({ replay: { ...replay, speed: SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, SPEEDS.indexOf(replay.speed) + by))] } });
}

/** One report on or back: of any vessel of the alert. */
export function stepReport(by) {
  const { replay } = state;
  if (!replay?.evidence) return;
  const times = shownOf(replay).tracks.flatMap((track) => track.t_ms).sort((a, b) => a - b);
  const to = by > 0 ? times.find((t) => t > replay.now) : times.findLast((t) => t < replay.now);
  if (to !== undefined) change({ replay: { ...replay, playing: false, now: to } });
}

/** Let the playhead run for so many seconds of the room's clock. */
export function advance(seconds) {
  const { replay } = state;
  if (!replay?.playing) return;
  const now = replay.now + seconds * 1000 * replay.speed;
  change({ replay: { ...replay, now: Math.min(now, replay.to), playing: now < replay.to } });
}

/** Silences of a track within [from, to], as [start, end] in ms; an end still silent counts, a beginning before the memory does not. */
export function silences(track, to) {
  const times = [...track.t_ms, to];
  return times.slice(1).map((t, i) => [times[i], t]).filter(([a, b]) => b - a >= GAP_MS);
}

/** Longitudes that run on across the antimeridian, so that a line never turns round the world. */
export function unwrapped(lons) {
  let turn = 0;
  return lons.map((lon, i) => {
    if (i && lon - lons[i - 1] > 180) turn -= 360;
    if (i && lon - lons[i - 1] < -180) turn += 360;
    return lon + turn;
  });
}

/** GeoJSON of the story up to the playhead: runs of reports as lines, silences dashed, reports as dots, each vessel where it was last heard. */
export function features({ evidence, now }) {
  const found = [];
  const put = (type, coordinates, properties) => found.push({ type: 'Feature', properties, geometry: { type, coordinates } });
  evidence.tracks.forEach((track, vessel) => {
    const lons = unwrapped(track.lon);
    const shown = track.t_ms.filter((t) => t <= now).length;
    let run = [];
    for (let i = 0; i < shown; i++) {
      const here = [lons[i], track.lat[i]];
      if (i && track.t_ms[i] - track.t_ms[i - 1] >= GAP_MS) {
        if (run.length > 1) put('LineString', run, { kind: 'track', vessel });
        put('LineString', [run.at(-1), here], { kind: 'gap', vessel });
        put('Point', [(run.at(-1)[0] + here[0]) / 2, (run.at(-1)[1] + here[1]) / 2], { kind: 'words', text: `silent ${duration((track.t_ms[i] - track.t_ms[i - 1]) / 1000)}` });
        run = [];
      }
      run.push(here);
      put('Point', here, { kind: 'report', vessel });
    }
    if (run.length > 1) put('LineString', run, { kind: 'track', vessel });
    if (shown) {
      const silent = now - track.t_ms[shown - 1];
      put('Point', run.at(-1), { kind: 'vessel', vessel, silent: silent >= GAP_MS, text: `${nameOf(evidence, track.mmsi)}${silent >= GAP_MS ? ` silent ${duration(silent / 1000)}` : ''}` });
    }
  });
  const { lat, lon } = evidence.alert;
  if (lat !== null && lon !== null) put('Point', [lon, lat], { kind: 'place', text: 'place of the alert' });
  return { type: 'FeatureCollection', features: found };
}

/** The box around all tracks and the place of the alert: [[west, south], [east, north]], or null where nothing is known. */
export function box(evidence) {
  const { lat, lon } = evidence.alert;
  const lons = unwrapped([...(lon === null ? [] : [lon]), ...evidence.tracks.flatMap((track) => track.lon)]);
  const lats = [...(lat === null ? [] : [lat]), ...evidence.tracks.flatMap((track) => track.lat)];
  if (!lons.length) return null;
  return [[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]];
}

export const nameOf = (evidence, mmsi) => clean(evidence.alert.subjects.find((one) => one.mmsi === mmsi)?.name || `MMSI ${mmsi}`, 30);

/** What a vessel did at the playhead, in words. */
export function stateAt(track, now) {
  const i = track.t_ms.findLastIndex((t) => t <= now);
  if (i < 0) return track.t_ms.length ? 'not heard yet' : 'not heard in this time';
  const silent = now - track.t_ms[i];
  const fast = track.sog_kn[i] === null ? 'speed –' : speed(track.sog_kn[i]);
  return `${fast}${track.cog_deg[i] === null ? '' : `, ${Math.round(track.cog_deg[i])}°`}${silent >= GAP_MS ? `; silent ${duration(silent / 1000)}` : ''}`;
}

/** Speed over time of each vessel with its silences hatched, then traffic and receivers: one drawing for the bar and for print. */
export function Lanes({ evidence, now, until }) {
  const { from_ms: from, to_ms: to, tracks, receivers, others, step_ms: step } = evidence;
  const x = (t) => ((t - from) / (to - from)) * WIDTH;
  const top = Math.max(5, ...tracks.flatMap((track) => track.sog_kn.filter((v) => v !== null)));
  const y = (v) => 47 - (v / top) * 43;
  const curve = (track) => track.t_ms.map((t, i) => (track.sog_kn[i] === null ? '' : `${i && track.sog_kn[i - 1] !== null && t - track.t_ms[i - 1] < GAP_MS ? 'L' : 'M'}${x(t).toFixed(1)} ${y(track.sog_kn[i]).toFixed(1)}`)).join('');
  const counts = [...(others ? [{ label: 'others within 10 nm', values: others }] : []), ...receivers.slice(0, 4).map((r) => ({ label: clean(r.receiver, 24), values: r.positions }))];
  const height = 52 + counts.length * 16;
  return html`<div class="lanes" style=${`height:${height}px`}>
    <svg viewBox=${`0 0 ${WIDTH} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <defs><pattern id="hatch" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0v8" /></pattern></defs>
      <rect class="episode" x=${x(evidence.first_ms)} y="0" width=${Math.max(2, x(evidence.last_ms) - x(evidence.first_ms))} height=${height} />
      ${tracks.map((track, i) => html`${silences(track, to).map(([a, b]) => html`<rect class="silent" fill="url(#hatch)" x=${x(a)} y="2" width=${x(b) - x(a)} height="46" />`)}<path class=${`curve v${i % 3}`} d=${curve(track)} />`)}
      ${counts.map(({ values }, row) => {
        const most = Math.max(1, ...values);
        return values.map((n, i) => (n ? html`<rect class="count" x=${x(from + i * step)} y=${66 - 12 * Math.max(0.15, n / most) + row * 16} width=${Math.max(0.5, x(from + step) - 0.6)} height=${12 * Math.max(0.15, n / most)} />` : null));
      })}
      ${Number.isFinite(until) && until < to ? html`<rect class="unknown" x=${x(until)} y="0" width=${WIDTH - x(until)} height=${height} />` : null}
      ${Number.isFinite(now) ? html`<path class="playhead" d=${`M${x(now)} 0V${height}`} />` : null}
    </svg>
    <span class="lane-name" style="top:0">speed, up to ${speed(top, 0)}</span>
    ${counts.map(({ label, values }, row) => html`<span class="lane-name" style=${`top:${53 + row * 16}px`}>${label}, at most ${Math.max(...values)}</span>`)}
  </div>`;
}

/** The time bar under the map. */
export function ReplayBar({ act }) {
  const { replay } = state;
  const first = useRef(null);
  useEffect(() => first.current?.focus(), [replay?.evidence]); // else Space would press the button that opened it once more
  if (!replay) return null;
  if (!replay.evidence) {
    return html`<section class="replay" aria-label="Replay"><p class="pad">${replay.fault ? `The replay cannot open: ${replay.fault}.` : 'Looking up what was heard…'} <button class="small" onClick=${act.endReplay}>Close ${kbd('b')}</button></p></section>`;
  }
  const { now, from, to, then } = replay;
  const evidence = shownOf(replay), raised = replay.evidence.then?.event_ms;
  const known = evidence.known_from_ms;
  const cut = known === null || known > from;
  return html`<section class="replay" aria-label="Replay" data-test="replay">
    <div class="row controls">
      <button ref=${first} class="primary" onClick=${() => play()} data-test="play">${replay.playing ? 'Pause' : 'Play'} <kbd>Space</kbd></button>
      <b class="num" data-test="playhead">${stamp(now)}</b>
      <label><span class="unseen">Speed</span><select value=${replay.speed} onChange=${(event) => change({ replay: { ...replay, speed: Number(event.target.value) } })}>${SPEEDS.map((n) => html`<option value=${n}>${n}×</option>`)}</select></label>
      <span class="grow"></span>
      <a href=${printAddress(replay.id)} target="_blank" rel="noopener" data-test="print">Print</a>
      <button onClick=${() => act.copyLink()}>${replay.copied ? 'Copied' : 'Copy link'}</button>
      <button onClick=${act.endReplay}>Close ${kbd('b')}</button>
    </div>
    <div class="row"><ul class="at">${evidence.tracks.map((track, i) => html`<li><span class=${`key v${i % 3}`}></span>${nameOf(evidence, track.mmsi)}: <span class="num">${stateAt(track, now)}</span></li>`)}</ul><span class="grow"></span>
      ${replay.evidence.then ? html`<button class="small" aria-pressed=${Boolean(then)} onClick=${switchThen} data-test="then" title="What was known when the alert came up, or all that is known now">${then ? 'as known then' : 'as known now'} ${kbd('c')}</button>` : null}</div>
    ${then ? html`<p class="small-text" role="status" data-test="then-told">As known at ${clock(raised)}, when the alert came up${evidence.alert.revision < replay.evidence.alert.revision ? ` (revision ${evidence.alert.revision}; ${replay.evidence.alert.revision} now)` : ''}: what came later is left out.</p>` : null}
    <${Lanes} evidence=${evidence} now=${now} until=${then ? raised : NaN} />
    <input type="range" min=${from} max=${to} step="1000" value=${now} aria-label="Time of the replay" aria-valuetext=${clock(now)} onInput=${(event) => seek(Number(event.target.value))} />
    <div class="row muted small-text num"><span>${dateTime(evidence.from)}</span><span class="grow"></span>${cut ? html`<span data-test="cut">${known === null ? 'This console has kept no positions yet.' : `This console keeps positions since ${clock(known)}: nothing before it can be shown.`}</span>` : null}<span class="grow"></span><span>${clock(to)}</span></div>
  </section>`;
}

export const printAddress = (id) => `?view=print&alert=${encodeURIComponent(id)}`;
