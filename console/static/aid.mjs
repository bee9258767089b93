// Help on the map: ways of those who can come, and where it drifts. May live here: their source, layers and words. May not: who can come (rescuers.mjs).

import { aidShapes, callInView, wordsBeside } from './rescuers.mjs';
import { state } from './store.mjs';

const only = (...kinds) => ['in', ['get', 'kind'], ['literal', kinds]];

export class Aid {
  /** `token(name)` gives a colour of the palette; the layers lie below the layer `under`. */
  constructor(map, vessels, token, under) {
    this.map = map;
    this.vessels = vessels;
    this.token = token;
    this.drawn = [null, null];
    this.words = []; // beside who can come, soonest first
    map.addSource('aid', { type: 'geojson', data: aidShapes(null, null), tolerance: 0 });
    const line = (id, filter, paint) => map.addLayer({ id, type: 'line', source: 'aid', filter, layout: { 'line-join': 'round' }, paint }, under);
    map.addLayer({ id: 'aid-area', type: 'fill', source: 'aid', filter: only('area'), paint: { 'fill-antialias': false, 'fill-opacity': 0.16 } }, under);
    line('aid-rim', only('area'), { 'line-width': ['match', ['get', 'share'], 50, 2.4, 90, 1.6, 1] });
    map.addLayer({ id: 'aid-particle', type: 'circle', source: 'aid', filter: only('particles'), paint: { 'circle-radius': 1.4, 'circle-opacity': 0.7 } }, under);
    line('aid-track', only('drift-track'), { 'line-width': 2.5 });
    line('aid-way', only('way'), { 'line-width': 1.6 });
    line('aid-over-land', only('over-land'), { 'line-width': 1.6, 'line-dasharray': [2, 2.5] });
    this.recolour();
  }

  recolour() {
    const paint = {
      'aid-area': ['fill-color', 'distress'], 'aid-rim': ['line-color', 'distress'], 'aid-particle': ['circle-color', 'distress'], 'aid-track': ['line-color', 'distress'],
      'aid-way': ['line-color', 'focus'], 'aid-over-land': ['line-color', 'focus'],
    };
    for (const [layer, [name, colour]] of Object.entries(paint)) this.map.setPaintProperty(layer, name, this.token(colour));
  }

  /** Bring the map up to the call in view; nothing of it in a replay. */
  update() {
    const call = state.replay?.evidence ? null : callInView();
    const wanted = [call && state.aid?.id === call.alert_id ? state.aid : null, call && state.drift?.id === call.alert_id ? state.drift : null];
    if (wanted.every((one, i) => one === this.drawn[i])) return;
    const drift = wanted[1] !== this.drawn[1] && wanted[1];
    this.drawn = wanted;
    const shapes = aidShapes(...wanted);
    this.words = wordsBeside(wanted[0], this.vessels);
    this.map.getSource('aid').setData(shapes);
    if (drift) this._fit(shapes.features.filter((one) => one.properties.kind === 'area'));
  }

  _fit(areas) {
    const points = areas.flatMap((one) => one.geometry.coordinates.flat(Infinity)), lons = points.filter((_, i) => i % 2 === 0), lats = points.filter((_, i) => i % 2);
    if (!points.length || Math.max(...lons) - Math.min(...lons) > 180) return; // across 180 degrees: the person finds it
    this.map.fitBounds([[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]], { padding: 90, maxZoom: 12, animate: false });
  }
}
