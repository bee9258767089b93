// The past on the map: the tracks of a replay in place of the vessels of now. May live here: their source and layers. May not: what
// happened when (replay.mjs), the live picture (map.mjs).

import { state } from './store.mjs';
import { box, features, shownOf } from './replay.mjs';

const ROOM_PX = 80; // at least so much of the map's height has the tracks
const EMPTY = { type: 'FeatureCollection', features: [] };
const only = (...kinds) => ['in', ['get', 'kind'], ['literal', kinds]];

export class Past {
  /** `token(name)` gives a colour of the palette. */
  constructor(map, token) {
    this.map = map;
    this.token = token;
    this.shown = null; // the replay that is drawn
    this.framed = null; // the evidence the view was fitted to
    map.addSource('past', { type: 'geojson', data: EMPTY, tolerance: 0 });
    const line = { type: 'line', source: 'past', layout: { 'line-cap': 'butt', 'line-join': 'round' } };
    map.addLayer({ ...line, id: 'past-gap', filter: only('gap'), paint: { 'line-width': 2, 'line-dasharray': [2, 3] } });
    map.addLayer({ ...line, id: 'past-track', filter: only('track'), paint: { 'line-width': 2 } });
    map.addLayer({ id: 'past-report', type: 'circle', source: 'past', filter: only('report'), paint: { 'circle-radius': 2.5 } });
    map.addLayer({ id: 'past-vessel', type: 'circle', source: 'past', filter: only('vessel'), paint: { 'circle-radius': 7, 'circle-stroke-width': 2, 'circle-opacity': ['case', ['get', 'silent'], 0, 1] } });
    map.addLayer({ id: 'past-place', type: 'circle', source: 'past', filter: only('place'), paint: { 'circle-radius': 9, 'circle-opacity': 0, 'circle-stroke-width': 2 } });
    map.addLayer({
      id: 'past-words', type: 'symbol', source: 'past', filter: only('vessel', 'words', 'place'),
      layout: { 'text-field': ['get', 'text'], 'text-size': 13, 'text-max-width': 40, 'text-anchor': ['match', ['get', 'kind'], 'place', 'top', 'words', 'bottom', 'left'], 'text-offset': ['match', ['get', 'kind'], 'place', ['literal', [0, 0.9]], 'words', ['literal', [0, -0.5]], ['literal', [0.9, 0]]], 'text-allow-overlap': true }, paint: { 'text-halo-width': 2 },
    });
    this.recolour();
  }

  recolour() {
    const { map, token } = this;
    const own = ['match', ['%', ['get', 'vessel'], 3], 0, token('focus'), 1, token('zone'), token('vessel')];
    map.setPaintProperty('past-gap', 'line-color', own);
    map.setPaintProperty('past-track', 'line-color', own);
    map.setPaintProperty('past-report', 'circle-color', own);
    map.setPaintProperty('past-vessel', 'circle-color', own);
    map.setPaintProperty('past-vessel', 'circle-stroke-color', own);
    map.setPaintProperty('past-place', 'circle-stroke-color', token('ink'));
    map.setPaintProperty('past-words', 'text-color', token('ink'));
    map.setPaintProperty('past-words', 'text-halo-color', token('panel'));
  }

  /** Bring the map up to the replay of the page; true while there is one. */
  update() {
    const replay = state.replay?.evidence ? state.replay : null;
    if (replay && this.framed !== replay.evidence && document.querySelector('[data-test=replay]')) this._frame(replay.evidence); // beside its bar, which is drawn by then
    if (replay === this.shown) return Boolean(replay);
    if (Boolean(replay) !== Boolean(this.shown)) this.map.setLayoutProperty('vessels', 'visibility', replay ? 'none' : 'visible');
    this.shown = replay;
    this.map.getSource('past').setData(replay ? features({ ...replay, evidence: shownOf(replay) }) : EMPTY);
    return Boolean(replay);
  }

  /** Show the whole of what happened between the bars above the map and the bar of the replay. */
  _frame(evidence) {
    this.framed = evidence;
    const around = box(evidence), tall = (name) => document.querySelector(name)?.offsetHeight ?? 0;
    const top = Math.max(60, Math.min(220, 20 + tall('.bars')));
    const bottom = Math.min(40 + tall('.replay'), this.map.getContainer().clientHeight - top - ROOM_PX);
    if (around) this.map.fitBounds(around, { padding: { top, left: 60, right: 140, bottom: Math.max(20, bottom) }, maxZoom: 13, animate: false });
  }
}
