// Zones as text and as vertices. May live here: pure editing of GeoJSON features, whose places are [longitude, latitude]. May not: DOM, the map, requests.
//
// A feature is edited as paths: lists of places without the repetition that closes a ring. `k` numbers the path (outline, holes, parts, in the
// order of the file), `i` the vertex in it. Nothing here changes what it is given.

const PLACES = 1e6; // a tenth of a metre; the server keeps 0.2 m
const round = ([lon, lat]) => [Math.round((((((lon + 180) % 360) + 360) % 360) - 180) * PLACES) / PLACES, Math.round(Math.max(-90, Math.min(90, lat)) * PLACES) / PLACES];

/** The features of a text of zones, or a fault in words. */
export function readZones(text) {
  try {
    const plain = JSON.parse(text);
    if (plain?.type !== 'FeatureCollection' || !Array.isArray(plain.features)) return { features: [], fault: 'it is no FeatureCollection' };
    return { features: plain.features.filter((one) => one?.geometry) };
  } catch (fault) {
    return { features: [], fault: fault.message };
  }
}

/** A text of zones with a feature on each line, as the server writes it. */
export const zonesText = (features) => `{"type": "FeatureCollection", "features": [\n${features.map((one) => JSON.stringify(one)).join(',\n')}\n]}\n`;

export const isArea = (feature) => feature.geometry.type.endsWith('Polygon');
const least = (feature) => (isArea(feature) ? 3 : feature.geometry.type === 'Point' ? 1 : 2);

/** Paths of a feature, rings without their last place. */
export function pathsOf({ geometry: { type, coordinates } }) {
  const open = (ring) => ring.slice(0, -1);
  if (type === 'Polygon') return coordinates.map(open);
  if (type === 'MultiPolygon') return coordinates.flat().map(open);
  if (type === 'MultiLineString') return coordinates;
  if (type === 'LineString') return [coordinates];
  return type === 'Point' ? [[coordinates]] : [];
}

function withPath(feature, k, path) {
  const { type, coordinates } = feature.geometry;
  let at = 0;
  const lines = (list, closed) => list.map((one) => (at++ === k ? (closed ? [...path, path[0]] : path) : one));
  const changed = { Polygon: () => lines(coordinates, true), MultiPolygon: () => coordinates.map((rings) => lines(rings, true)), MultiLineString: () => lines(coordinates), LineString: () => path, Point: () => path[0] }[type]();
  const { version, ...properties } = feature.properties ?? {}; // another line is another version: the server names it after what is drawn
  return { ...feature, properties, geometry: { type, coordinates: changed } };
}

export const moveVertex = (feature, k, i, place) => withPath(feature, k, pathsOf(feature)[k].with(i, round(place)));

/** A vertex after the i-th of a path. */
export const addVertex = (feature, k, i, place) => withPath(feature, k, pathsOf(feature)[k].toSpliced(i + 1, 0, round(place)));

/** Without a vertex; the same where too few would be left. */
export function removeVertex(feature, k, i) {
  const path = pathsOf(feature)[k];
  return path.length > least(feature) ? withPath(feature, k, path.toSpliced(i, 1)) : feature;
}

/** Where a vertex would go between the i-th and the next one; null at the end of a line. */
export function middle(feature, k, i) {
  const path = pathsOf(feature)[k];
  const next = path[i + 1] ?? (isArea(feature) && path.length > 2 ? path[0] : null);
  return next && [(path[i][0] + next[0]) / 2, (path[i][1] + next[1]) / 2];
}

/** With properties changed; what is empty is left out. */
export function withProperties(feature, fields) {
  const { version, ...before } = feature.properties ?? {};
  const kept = Object.entries({ ...before, ...fields }).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return { ...feature, properties: Object.fromEntries(kept) };
}

export const SHAPES = { area: { needs: 3, kind: 'watch' }, line: { needs: 2, kind: 'border' }, circle: { needs: 1, kind: 'watch' } };

/** A new zone of these places, with an id that none of `features` has. */
export function drawn(shape, places, features) {
  const rounded = places.map(round);
  const geometry = { area: { type: 'Polygon', coordinates: [[...rounded, rounded[0]]] }, line: { type: 'LineString', coordinates: rounded }, circle: { type: 'Point', coordinates: rounded[0] } }[shape];
  const taken = new Set(features.map((one) => one.properties?.id ?? one.id));
  let number = 1;
  while (taken.has(`zone-${number}`)) number++;
  return { type: 'Feature', properties: { id: `zone-${number}`, name: `Zone ${number}`, kind: SHAPES[shape].kind, ...(shape === 'circle' ? { buffer_nm: 2 } : {}) }, geometry };
}

/** The vertex nearest to a place, as [k, i]; null of a feature without any. */
export function nearestVertex(feature, [lon, lat]) {
  let best = null, least2 = Infinity;
  pathsOf(feature).forEach((path, k) => path.forEach(([x, y], i) => {
    const d = (x - lon) ** 2 + (y - lat) ** 2;
    if (d < least2) [best, least2] = [[k, i], d];
  }));
  return best;
}

/** Which feature a fault of the check is about: it is named by its number, or by its name. */
export function faulty(features, { key }) {
  const number = /feature (\d+)\)?$/.exec(key ?? '')?.[1];
  return number ? Number(number) - 1 : features.findIndex((one) => `'${one.properties?.name ?? one.properties?.id}'` === key);
}
