// What lies under everything on a map: sea, land, borders, names, all from this server. May live here: sources and layers of the basemap, in
// the colours of the palette. May not: vessels, zones, what a page draws.

import { addProtocol } from './vendor/maplibre-gl.mjs';

export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const SHEET = (name) => new URL(`basemap/${name}.geojson`, document.baseURI).href;
const VECTOR = 1; // the type of tiles in an archive: areas and lines; others are pictures
const DEPTH_M = ['abs', ['to-number', ['coalesce', ['get', 'depth'], ['get', 'DEPTH'], ['get', 'DRVAL1'], ['get', 'min_depth'], ['get', 'elevation'], 0], 0]];
const LINES_10 = 6; // up to this zoom the grid has ten degrees, from it on one

/** What of the basemap takes which colour of the palette: layer -> [property, token, ...]. */
export const PAINT = {
  sea: ['background-color', 'sea'], grid1: ['line-color', 'deep'], grid10: ['line-color', 'deep'], land: ['fill-color', 'land'], coast: ['line-color', 'coast'],
  border: ['line-color', 'coast'], 'country-name': ['text-color', 'muted', 'text-halo-color', 'land'], 'port-name': ['text-color', 'muted', 'text-halo-color', 'land'],
};

/** Layer of the palette's colours, as `PAINT` has them. */
const painted = (id, more = {}) => {
  const pairs = PAINT[id];
  const colours = Object.fromEntries(pairs.flatMap((name, i) => (i % 2 ? [] : [[name, token(pairs[i + 1])]])));
  return { ...colours, ...more };
};

/** Sources and layers of the sheets that this installation has (`info`: api/info). */
export function basemap(info) {
  const sources = { grid1: { type: 'geojson', data: graticule(1), tolerance: 0 }, grid10: { type: 'geojson', data: graticule(10), tolerance: 0 } };
  const layers = [
    { id: 'sea', type: 'background', paint: painted('sea') },
    { id: 'grid10', type: 'line', source: 'grid10', maxzoom: LINES_10, paint: painted('grid10', { 'line-width': 1 }) },
    { id: 'grid1', type: 'line', source: 'grid1', minzoom: LINES_10, paint: painted('grid1', { 'line-width': 1 }) },
  ];
  if (info.land) {
    sources.land = { type: 'geojson', data: SHEET('land'), tolerance: 0.5, maxzoom: 10 };
    layers.push({ id: 'land', type: 'fill', source: 'land', paint: painted('land', { 'fill-antialias': false }) }, { id: 'coast', type: 'line', source: 'land', paint: painted('coast', { 'line-width': 1.2 }) });
  }
  if (info.borders) {
    sources.borders = { type: 'geojson', data: SHEET('borders'), maxzoom: 10 };
    layers.push({ id: 'border', type: 'line', source: 'borders', paint: painted('border', { 'line-width': 1, 'line-dasharray': [6, 2, 1, 2] }) });
  }
  if (info.names) {
    sources.names = { type: 'geojson', data: SHEET('names'), maxzoom: 10 };
    layers.push( // the upper layer has its names first: countries, large ones before small ones, then ports where room is left
      { id: 'port-name', type: 'symbol', source: 'names', minzoom: 6, filter: ['==', ['get', 'kind'], 'port'], layout: { 'text-field': ['get', 'name'], 'text-size': 11.5, 'text-variable-anchor': ['top', 'bottom', 'left', 'right'], 'text-radial-offset': 0.4, 'text-justify': 'auto', 'text-padding': 8 }, paint: painted('port-name', { 'text-halo-width': 1.2 }) },
      { id: 'country-name', type: 'symbol', source: 'names', minzoom: 2, maxzoom: 8, filter: ['==', ['get', 'kind'], 'country'], layout: { 'text-field': ['get', 'name'], 'symbol-sort-key': ['-', 0, ['get', 'size']], 'text-size': 12, 'text-letter-spacing': 0.1, 'text-max-width': 7 }, paint: painted('country-name', { 'text-halo-width': 1.2 }) },
    );
  }
  return { sources, layers };
}

/** Depths of the operator's own archive, under all else: pictures as they are, areas and lines in the colours of the palette. */
export async function addDepths(map, info) {
  if (!info.depths) return;
  const script = Object.assign(document.createElement('script'), { src: new URL('static/vendor/pmtiles.js', document.baseURI).href });
  await new Promise((done, failed) => { Object.assign(script, { onload: done, onerror: () => failed(new Error('the library for depths is missing: make install')) }); document.head.append(script); });
  const { PMTiles, Protocol } = window.pmtiles, url = new URL('basemap/depths.pmtiles', document.baseURI).href;
  const protocol = new Protocol(), archive = new PMTiles(url);
  protocol.add(archive);
  addProtocol('pmtiles', protocol.tile);
  const [{ tileType }, about] = await Promise.all([archive.getHeader(), archive.getMetadata()]);
  const put = (layer) => map.addLayer({ source: 'depths', ...layer }, 'grid10');
  map.addSource('depths', { type: tileType === VECTOR ? 'vector' : 'raster', url: `pmtiles://${url}`, ...(tileType === VECTOR ? {} : { tileSize: 256 }) });
  if (tileType !== VECTOR) put({ id: 'depths', type: 'raster', paint: { 'raster-fade-duration': 0 } });
  for (const { id } of tileType === VECTOR ? about?.vector_layers ?? [] : []) {
    put({ id: `depths-fill-${id}`, type: 'fill', 'source-layer': id, filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-antialias': false, 'fill-opacity': ['interpolate', ['linear'], DEPTH_M, 0, 0.1, 50, 0.35, 200, 0.55, 4000, 0.9] } });
    put({ id: `depths-line-${id}`, type: 'line', 'source-layer': id, filter: ['==', ['geometry-type'], 'LineString'], paint: { 'line-width': 1 } });
  }
  colourDepths(map);
}

/** Depths in the colours of the palette; pictures are dimmed with the light. */
export function colourDepths(map) {
  const light = { day: 1, dusk: 0.4, night: 0.15 }[document.documentElement.dataset.palette] ?? 1;
  for (const { id, type } of map.getStyle().layers.filter((layer) => layer.source === 'depths')) {
    map.setPaintProperty(id, { raster: 'raster-brightness-max', fill: 'fill-color', line: 'line-color' }[type], type === 'raster' ? light : token('deep'));
  }
}

function graticule(step) {
  const features = [];
  const line = (coordinates) => features.push({ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates } });
  for (let lon = -180; lon <= 180; lon += step) line([[lon, -85], [lon, 85]]);
  for (let lat = -80; lat <= 80; lat += step) line([[-180, lat], [180, lat]]);
  return { type: 'FeatureCollection', features };
}
