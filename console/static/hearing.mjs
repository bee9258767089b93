// Where dark rules are suspended: the bar that says so, and the hatching of the coverage there. May live here: both. May not: which
// receivers are down (the server says it), coverage as shades (map.mjs).

import { html } from './html.mjs';
import { linked, state } from './store.mjs';
import { clean, clock } from './text.mjs';

const EVERYWHERE = '*';
const AGAIN_MS = 60_000; // coverage changes slowly
const SIZE = 12; // of the hatching, px; drawn twice as fine

/** Names of the receivers that are down, since when; EVERYWHERE among them: nobody listens. */
export const down = () => Object.entries(state.health.suspended ?? {});

export function SuspendedBar() {
  const found = down();
  if (!linked() || !found.length) return null;
  const names = found.filter(([name]) => name !== EVERYWHERE).map(([name, since]) => `${clean(name, 30)}${since ? ` since ${clock(Date.parse(since))}` : ''}`);
  const everywhere = found.some(([name]) => name === EVERYWHERE);
  const where = everywhere ? 'everywhere' : state.info.coverage && state.map === 'ready' ? 'where the map is hatched' : 'where nobody else hears';
  return html`<div class="bar hearing" role="status" data-test="suspended"><strong>Dark rules suspended ${where}: ${names.length ? `receiver down (${names.join(', ')})` : 'a source is silent'}.</strong> A ship not heard there now is not gone.</div>`;
}

export class Hearing {
  /** `token(name)` gives a colour of the palette; the layer lies below the layer `under`. Shares the source `coverage`. */
  constructor(map, token, under) {
    this.map = map;
    this.token = token;
    this.shown = '';
    this.due = 0;
    map.addImage('hatch', this._hatch(), { pixelRatio: 2 });
    map.addLayer({
      id: 'suspended', type: 'fill', source: 'coverage', layout: { visibility: 'none' }, filter: ['all', ['get', 'suspended'], ['==', ['get', 'ais_class'], 'A']],
      paint: { 'fill-pattern': 'hatch', 'fill-antialias': false, 'fill-opacity': 0.6 },
    }, under);
  }

  recolour() {
    this.map.updateImage('hatch', this._hatch());
  }

  /** Bring the map up to which receivers are down. */
  update() {
    const wanted = state.info.coverage && !state.replay?.evidence ? down().map(([name]) => name).join('\n') : '';
    if (wanted === this.shown && !(wanted && performance.now() > this.due)) return;
    if (wanted !== this.shown) this.map.setLayoutProperty('suspended', 'visibility', wanted ? 'visible' : 'none');
    this.shown = wanted;
    this.due = performance.now() + AGAIN_MS;
    if (wanted) this.map.getSource('coverage').setData(new URL('coverage.geojson', document.baseURI).href);
  }

  /** Lines from lower left to upper right that meet at the edges. */
  _hatch() {
    const side = SIZE * 2, data = new Uint8Array(side * side * 4), colour = parseInt(this.token('muted').slice(1), 16);
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        if ((x + y) % side < 3) data.set([colour >> 16, (colour >> 8) & 255, colour & 255, 255], (y * side + x) * 4);
      }
    }
    return { width: side, height: side, data };
  }
}
