// Range and bearing ('M'), and the mark of a place that was gone to. May live here: great circles, the line and its words. May not: keys, what is in focus.

import { html } from './html.mjs';
import { kbd } from './keys.mjs';
import { change, state } from './store.mjs';
import { clean, distance, position } from './text.mjs';

const EARTH_NM = 3440.065; // mean radius
const STEPS = 48; // of the line: a great circle bends on this map
const EMPTY = { type: 'FeatureCollection', features: [] };
const rad = (deg) => (deg * Math.PI) / 180;

/** Range in nautical miles on the great circle, and the true bearing at its start, degrees. */
export function rangeBearing(a, b) {
  const [p, q, d] = [rad(a.lat), rad(b.lat), rad(b.lon - a.lon)];
  const nm = 2 * EARTH_NM * Math.asin(Math.min(1, Math.sqrt(Math.sin((q - p) / 2) ** 2 + Math.cos(p) * Math.cos(q) * Math.sin(d / 2) ** 2)));
  const deg = (Math.atan2(Math.sin(d) * Math.cos(q), Math.cos(p) * Math.sin(q) - Math.sin(p) * Math.cos(q) * Math.cos(d)) * 180) / Math.PI;
  return { nm, deg: (deg + 360) % 360 };
}

/** Places [lon, lat] along the great circle, longitudes running on across the antimeridian. */
export function along(a, b) {
  const unit = ({ lat, lon }) => [Math.cos(rad(lat)) * Math.cos(rad(lon)), Math.cos(rad(lat)) * Math.sin(rad(lon)), Math.sin(rad(lat))];
  const [u, v] = [unit(a), unit(b)];
  const angle = Math.acos(Math.min(1, Math.max(-1, u[0] * v[0] + u[1] * v[1] + u[2] * v[2])));
  let last = a.lon;
  return Array.from({ length: STEPS + 1 }, (_, i) => {
    const [f, g] = angle < 1e-9 ? [1, 0] : [Math.sin((1 - i / STEPS) * angle) / Math.sin(angle), Math.sin((i / STEPS) * angle) / Math.sin(angle)];
    const [x, y, z] = u.map((value, k) => f * value + g * v[k]);
    const lon = (Math.atan2(y, x) * 180) / Math.PI;
    last = lon + 360 * Math.round((last - lon) / 360);
    return [last, (Math.atan2(z, Math.hypot(x, y)) * 180) / Math.PI];
  });
}

const bearing = (deg) => `${String(Math.round(deg) % 360).padStart(3, '0')}°`;

/** What is measured, in words; also for whoever sees no line. */
export function RulerCard() {
  const { ruler, pin } = state;
  if (!ruler && !pin) return null;
  if (!ruler) return html`<p class="legend" role="status" data-test="pin">Marked: <b class="num">${position(pin.lat, pin.lon).minutes}</b> <kbd>Esc</kbd></p>`;
  const { nm, deg } = ruler.at ? rangeBearing(ruler.at, ruler.to ?? ruler.at) : { nm: 0, deg: 0 };
  return html`<p class="legend" role="status" data-test="ruler">From <b>${clean(ruler.name, 30)}</b>: <b class="num">${distance(nm, nm < 10 ? 2 : 1)}, ${bearing(deg)}</b> true, back ${bearing((rangeBearing(ruler.to ?? ruler.at, ruler.at).deg))}
    <span class="muted">· ${ruler.fixed ? 'a click begins anew' : 'to the pointer, or the middle as the map moves; a click holds it'}</span> ${kbd('m')}</p>`;
}

export class Ruler {
  /** `token(name)` gives a colour of the palette; `placeOf(handle)` is where a vessel is now ({ lat, lon }), null when it is gone. */
  constructor(map, token, placeOf) {
    Object.assign(this, { map, token, placeOf, drawn: '' });
    map.addSource('ruler', { type: 'geojson', data: EMPTY, tolerance: 0 });
    map.addLayer({ id: 'ruler-line', type: 'line', source: 'ruler', filter: ['==', ['geometry-type'], 'LineString'], paint: { 'line-width': 2, 'line-dasharray': [4, 1.5] } });
    map.addLayer({ id: 'ruler-end', type: 'circle', source: 'ruler', filter: ['==', ['geometry-type'], 'Point'], paint: { 'circle-radius': 6, 'circle-opacity': 0, 'circle-stroke-width': 2 } });
    map.on('mousemove', ({ lngLat }) => this._to(lngLat));
    map.on('move', (event) => event.originalEvent?.type?.startsWith('mouse') || this._to(map.getCenter()));
    this.recolour();
  }

  recolour() {
    this.map.setPaintProperty('ruler-line', 'line-color', this.token('focus'));
    this.map.setPaintProperty('ruler-end', 'circle-stroke-color', this.token('focus'));
  }

  _to(lngLat) {
    const { lat, lng: lon } = lngLat.wrap();
    if (state.ruler && !state.ruler.fixed) change({ ruler: { ...state.ruler, to: { lat, lon } } });
  }

  /** A click while measuring: holds the end, or begins anew there. True if it was ours. */
  click(lngLat) {
    if (!state.ruler) return false;
    const { lat, lng: lon } = lngLat.wrap(), here = { lat, lon };
    change({ ruler: state.ruler.fixed ? { at: here, to: here, name: 'there', handle: 0, fixed: false } : { ...state.ruler, to: here, fixed: true } });
    return true;
  }

  /** Bring the map up to what is measured and marked; the start goes with its vessel. */
  update() {
    const { ruler, pin } = state;
    const moved = ruler?.handle ? this.placeOf(ruler.handle) : null;
    if (moved) ruler.at = moved;
    const drawn = JSON.stringify([ruler, pin]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const feature = (type, coordinates) => ({ type: 'Feature', properties: {}, geometry: { type, coordinates } });
    const line = ruler ? along(ruler.at, ruler.to ?? ruler.at) : [];
    const points = [...(ruler ? [line[0], line.at(-1)] : []), ...(pin ? [[pin.lon, pin.lat]] : [])];
    this.map.getSource('ruler').setData({ type: 'FeatureCollection', features: [...(ruler ? [feature('LineString', line)] : []), ...points.map((at) => feature('Point', at))] });
  }
}
