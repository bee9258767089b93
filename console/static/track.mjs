// The track of the vessel in focus: coloured by speed, a tick each so many minutes, a silence dashed and never solid. May live here: asking for it,
// its features, its layers, its legend. May not: who is in focus (app.mjs), replays (past.mjs).

import { html, useEffect } from './html.mjs';
import { kbd } from './keys.mjs';
import { GAP_MS, unwrapped } from './replay.mjs';
import { change, state } from './store.mjs';
import { clock, duration } from './text.mjs';
import { getJson } from './wire.mjs';

const AGAIN_MS = 15_000;
const HOURS = 24;
const VESSELS_MAX = 4; // of one alert
export const SPEEDS_KN = [0, 1, 5, 10, 15]; // where each colour begins
const WIDTHS = [2, 2.5, 3.25, 4, 5]; // told by width too
const TICK_MIN = [1, 5, 10, 30, 60, 180, 360];
const TICK_PX = 45; // at TICK_KN two ticks lie at least so far apart
const TICK_KN = 12;

const band = (kn) => SPEEDS_KN.findLastIndex((from) => kn >= from);
const empty = { type: 'FeatureCollection', features: [] };

/** Runs of one band of speed, silences, of a track as the server tells it. */
function lines(track) {
  const lons = unwrapped(track.lon), found = [];
  const put = (coordinates, properties) => coordinates.length > 1 && found.push({ type: 'Feature', properties, geometry: { type: 'LineString', coordinates } });
  let run = [], now = -1;
  track.t_ms.forEach((t, i) => {
    const here = [lons[i], track.lat[i]], kn = track.sog_kn[i] ?? track.sog_kn[i - 1] ?? 0;
    if (i && t - track.t_ms[i - 1] >= GAP_MS) {
      put(run, { kind: 'run', band: now });
      const before = [lons[i - 1], track.lat[i - 1]];
      put([before, here], { kind: 'gap' });
      found.push(dot([(before[0] + here[0]) / 2, (before[1] + here[1]) / 2], { kind: 'words', text: `silent ${duration((t - track.t_ms[i - 1]) / 1000)}` }));
      run = [];
      now = -1;
    }
    run.push(here);
    if (band(kn) !== now && run.length > 1) {
      put(run, { kind: 'run', band: now < 0 ? band(kn) : now });
      run = [here];
    }
    now = band(kn);
  });
  put(run, { kind: 'run', band: now });
  return found;
}

const dot = (coordinates, properties) => ({ type: 'Feature', properties, geometry: { type: 'Point', coordinates } });

/** A tick at each whole step of time, between the two reports about it; none within a silence. */
function ticks(track, minutes) {
  const lons = unwrapped(track.lon), step = minutes * 60_000, found = [];
  for (let i = 1; i < track.t_ms.length; i++) {
    const [a, b] = [track.t_ms[i - 1], track.t_ms[i]];
    if (b - a >= GAP_MS) continue;
    for (let t = (Math.floor(a / step) + 1) * step; t <= b; t += step) {
      const part = (t - a) / (b - a);
      found.push(dot([lons[i - 1] + (lons[i] - lons[i - 1]) * part, track.lat[i - 1] + (track.lat[i] - track.lat[i - 1]) * part], { kind: 'tick', text: clock(t).replace(/:00Z$/, 'Z') }));
    }
  }
  return found;
}

/** Minutes between ticks at a zoom: the least at which a ship at TICK_KN leaves them apart. */
export function tickMinutes(zoom, lat) {
  const metresPerPx = (40_075_017 * Math.cos((lat * Math.PI) / 180)) / (512 * 2 ** zoom);
  const minutes = (TICK_PX * metresPerPx) / ((TICK_KN * 1852) / 60);
  return TICK_MIN.find((one) => one >= minutes) ?? TICK_MIN.at(-1);
}

export class Track {
  /** `token(name)` gives a colour of the palette. */
  constructor(map, token) {
    Object.assign(this, { map, token, shown: null, minutes: 0 });
    const only = (...kinds) => ['in', ['get', 'kind'], ['literal', kinds]];
    const by = (list) => ['match', ['get', 'band'], ...list.slice(0, -1).flatMap((value, i) => [i, value]), list.at(-1)];
    map.addSource('track', { type: 'geojson', data: empty, tolerance: 0 });
    map.addLayer({ id: 'track-gap', type: 'line', source: 'track', filter: only('gap'), paint: { 'line-width': 2, 'line-dasharray': [2, 3] } });
    map.addLayer({ id: 'track-run', type: 'line', source: 'track', filter: only('run'), layout: { 'line-cap': 'butt', 'line-join': 'round' }, paint: { 'line-width': by(WIDTHS) } });
    map.addLayer({ id: 'track-tick', type: 'circle', source: 'track', filter: only('tick'), paint: { 'circle-radius': 3.5, 'circle-stroke-width': 1.5 } });
    map.addLayer({ id: 'track-words', type: 'symbol', source: 'track', filter: only('tick', 'words'), layout: { 'text-field': ['get', 'text'], 'text-size': 11.5, 'text-anchor': 'left', 'text-offset': [0.7, 0], 'text-padding': 6 }, paint: { 'text-halo-width': 1.5 } });
    this._by = by;
    this.recolour();
  }

  recolour() {
    const { map, token } = this;
    map.setPaintProperty('track-run', 'line-color', this._by(SPEEDS_KN.map((_, i) => token(`speed-${i}`))));
    map.setPaintProperty('track-gap', 'line-color', token('muted'));
    map.setPaintProperty('track-tick', 'circle-color', token('panel'));
    map.setPaintProperty('track-tick', 'circle-stroke-color', token('ink'));
    map.setPaintProperty('track-words', 'text-color', token('ink'));
    map.setPaintProperty('track-words', 'text-halo-color', token('panel'));
  }

  /** Bring the map up to what the page knows; nothing while a replay has it. */
  update() {
    const tracks = state.tracks && !state.replay?.evidence ? state.track : null;
    const minutes = tracks ? tickMinutes(this.map.getZoom(), this.map.getCenter().lat) : 0;
    if (tracks === this.shown && minutes === this.minutes) return;
    Object.assign(this, { shown: tracks, minutes });
    this.map.getSource('track').setData(tracks ? { type: 'FeatureCollection', features: tracks.flatMap((one) => [...lines(one), ...ticks(one, minutes)]) } : empty);
  }
}

async function read(wanted) {
  const found = await Promise.all(wanted.map((mmsi) => getJson(`api/v1/vessels/${mmsi}/track?hours=${HOURS}`).catch(() => null))); // a lost link has its bar
  change({ track: found.filter((one) => one?.t_ms.length > 1) });
}

/** What the colours and ticks mean, while a track is shown; asks for it as long as `wanted` (MMSI) are in focus. */
export function TrackLegend({ wanted, minutes }) {
  const names = wanted.slice(0, VESSELS_MAX).join();
  const on = state.tracks && state.map === 'ready' && !state.replay?.evidence;
  useEffect(() => {
    change({ track: null });
    if (!names || !on) return undefined;
    read(names.split(','));
    const timer = setInterval(() => read(names.split(',')), AGAIN_MS);
    return () => clearInterval(timer);
  }, [names, on]);
  if (!on || !state.track?.length) return null;
  return html`<div class="legend track-legend" data-test="track-legend" role="note" aria-label="Legend of the track"><b>Track, kn</b>
    ${SPEEDS_KN.map((from, i) => html`<span><i style=${`background:var(--speed-${i});height:${WIDTHS[i]}px`}></i>${SPEEDS_KN[i + 1] === undefined ? `${from} and more` : `${from}–${SPEEDS_KN[i + 1]}`}</span>`)}
    <span><i class="dashes"></i>silent</span><span>○ each ${duration(minutes * 60)}</span> ${kbd('v')}</div>`;
}
