// What lies under everything on a map: sea, land, borders, names, all from this server. May live here: sources and layers of the basemap, in
// the colours of the palette. May not: vessels, zones, what a page draws.

export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const SHEET = (name) => new URL(`basemap/${name}.geojson`, document.baseURI).href;
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
    layers.push(
      { id: 'country-name', type: 'symbol', source: 'names', minzoom: 2, maxzoom: 8, filter: ['==', ['get', 'kind'], 'country'], layout: { 'text-field': ['get', 'name'], 'text-size': 12, 'text-letter-spacing': 0.1, 'text-max-width': 7 }, paint: painted('country-name', { 'text-halo-width': 1.2 }) },
      { id: 'port-name', type: 'symbol', source: 'names', minzoom: 6, filter: ['==', ['get', 'kind'], 'port'], layout: { 'text-field': ['get', 'name'], 'text-size': 11.5, 'text-anchor': 'top', 'text-padding': 12 }, paint: painted('port-name', { 'text-halo-width': 1.2 }) },
    );
  }
  return { sources, layers };
}

function graticule(step) {
  const features = [];
  const line = (coordinates) => features.push({ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates } });
  for (let lon = -180; lon <= 180; lon += step) line([[lon, -85], [lon, 85]]);
  for (let lat = -80; lat <= 80; lat += step) line([[-180, lat], [180, lat]]);
  return { type: 'FeatureCollection', features };
}
