// A quiet map for pages beside the watch: coast, zones, and whatever a page draws as GeoJSON. May live here: that map. May not: vessels, the present.

import * as maplibre from './vendor/maplibre-gl.mjs';
import { basemap, token } from './basemap.mjs';

const EMPTY = { type: 'FeatureCollection', features: [] };

export class Chart {
  /** `layers(token)`: layers over the sources in `names`, each empty until `set`. */
  constructor(container, info, names, layers) {
    const below = basemap(info);
    const sources = { ...below.sources, ...Object.fromEntries(names.map((name) => [name, { type: 'geojson', data: EMPTY }])) };
    const start = Array.isArray(info.map_center) ? { center: info.map_center, zoom: info.map_zoom ?? 7 } : { center: [0, 20], zoom: 1.6 };
    this.map = new maplibre.Map({ container, style: { version: 8, sources, layers: [...below.layers, ...layers(token)], transition: { duration: 0 } }, ...start, minZoom: 1.5, maxZoom: 18, attributionControl: false, fadeDuration: 0, dragRotate: false, pitchWithRotate: false, touchPitch: false, maxPitch: 0 });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.addControl(new maplibre.ScaleControl({ unit: 'nautical', maxWidth: 140 }), 'bottom-right');
    this.map.addControl(new maplibre.NavigationControl({ showCompass: false }), 'bottom-right');
    this.ready = new Promise((done) => this.map.once('load', done));
  }

  /** What a source shows from now on. */
  async set(name, data) {
    await this.ready;
    this.map.getSource(name).setData(data);
  }

  /** Bring points [lon, lat] into view. */
  fit(points, more = {}) {
    if (!points.length) return;
    const box = points.reduce((b, p) => b.extend(p), new maplibre.LngLatBounds(points[0], points[0]));
    this.map.fitBounds(box, { padding: 60, maxZoom: 11, animate: false, ...more });
  }
}

/** A chart in an element, or null where the browser cannot draw one: the page then goes on as lists. */
export async function openChart(container, info, names, layers) {
  const context = document.createElement('canvas').getContext('webgl2');
  if (!context || !info.map) return null;
  context.getExtension('WEBGL_lose_context')?.loseContext();
  const sheet = new URL('static/vendor/maplibre-gl.css', document.baseURI).href;
  if (!document.querySelector(`link[href="${sheet}"]`)) {
    await new Promise((done) => document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href: sheet, onload: done, onerror: done })));
  }
  return new Chart(container, info, names, layers);
}

/** Layers for alerts that a back-test adds (full), loses (hollow) or changes (half): told by form, not by colour alone. */
export const changeLayers = (t) => [
  { id: 'change-track', type: 'line', source: 'changes', filter: ['==', ['geometry-type'], 'LineString'], paint: { 'line-color': t('vessel'), 'line-width': 1.5 } },
  { id: 'change', type: 'circle', source: 'changes', filter: ['==', ['geometry-type'], 'Point'], paint: {
    'circle-radius': ['match', ['get', 'kind'], 'changed', 5, 7], 'circle-color': ['match', ['get', 'kind'], 'added', t('alarm'), 'changed', t('warning'), t('panel')],
    'circle-stroke-width': 2, 'circle-stroke-color': ['match', ['get', 'kind'], 'lost', t('alarm'), t('outline')] } },
];
