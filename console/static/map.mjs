// The map: MapLibre with the offline basemap, zones, and our vessel layer. May live here: the style in the colours of the
// palette, what is marked and why, clicks. May not: shaders (layer.mjs), frames (vessels.mjs).

import * as maplibre from './vendor/maplibre-gl.mjs';
import { Aid } from './aid.mjs';
import { PAINT, addDepths, basemap, colourDepths, token } from './basemap.mjs';
import { Hearing } from './hearing.mjs';
import { FLASH_MS, VesselLayer } from './layer.mjs';
import { Names } from './names.mjs';
import { Past } from './past.mjs';
import { Ruler } from './ruler.mjs';
import { change, isDistress, isOpen, state, subscribe } from './store.mjs';
import { clean, levelRank } from './text.mjs';
import { Track } from './track.mjs';
import { BIT, COLOUR, FLAG, SHAPE, STRIDE, WORLD_M, mercatorX, mercatorY, writeVertex } from './vessels.mjs';

const VECTOR_S = 360; // course vectors show six minutes ahead
const MARKS_MAX = 500; // targets with a mark of their own; beyond that a map is paint
const HEADING_PX = 26; // the line of the heading, and the flag at its end that shows a turn
const FLAG_PX = 7;
const TURN_SEEN = 10; // ROTais: about 4.5 degrees a minute; less is steering
const HULL_PX_MIN = 12; // shorter than this a hull in true scale says less than the symbol
const FREE_OLD = 1.5; // times what a redraw takes lie between two of an unchanged picture
const FREE_NEWS = 1.2; // and before one that shows news
const STEP_PX = 0.5; // less than that nobody sees a ship move
const STILL_MS = 1000; // an unchanged picture is drawn again after that: what is old fades
const TILE_PX = 512; // of the world at zoom 0

/** '#rrggbb' as premultiplied [r, g, b, 1]. */
function rgba(hex) {
  const n = parseInt(hex.slice(1), 16);
  return [((n >> 16) & 255) / 255, ((n >> 8) & 255) / 255, (n & 255) / 255, 1];
}

const NOTHING = { type: 'FeatureCollection', features: [] };

function style(info) {
  const { sources, layers } = basemap(info);
  sources.coverage = { type: 'geojson', data: NOTHING };
  const at = layers.findIndex((layer) => layer.type === 'symbol'); // names stay on top
  layers.splice(at < 0 ? layers.length : at, 0, {
    id: 'coverage', type: 'fill', source: 'coverage', layout: { visibility: 'none' }, filter: ['all', ['get', 'learned'], ['==', ['get', 'ais_class'], 'A']],
    paint: { 'fill-color': token('focus'), 'fill-antialias': false, 'fill-opacity': ['interpolate', ['linear'], ['get', 'heard_share'], 0, 0, 1, 0.3] },
  });
  if (info.zones) {
    sources.zones = { type: 'geojson', data: new URL('zones.geojson', document.baseURI).href };
    layers.push(
      { id: 'zone-fill', type: 'fill', source: 'zones', filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': token('zone'), 'fill-opacity': 0.1 } },
      { id: 'zone-line', type: 'line', source: 'zones', paint: { 'line-color': token('zone'), 'line-width': 1.6, 'line-dasharray': [4, 2] } },
    );
  }
  return { version: 8, sources, layers, transition: { duration: 0 } };
}

export class SeaMap {
  constructor(container, vessels, info) {
    this.vessels = vessels;
    this.info = info;
    this.layer = new VesselLayer(vessels);
    const start = Array.isArray(info.map_center) ? { center: info.map_center, zoom: info.map_zoom ?? 7 } : { center: [0, 20], zoom: 1.6 };
    this.placed = Array.isArray(info.map_center) || location.hash.includes('map=');
    this.map = new maplibre.Map({
      container, style: style(info), ...start, minZoom: 1.5, maxZoom: 18, hash: 'map', attributionControl: false, fadeDuration: 0,
      dragRotate: false, pitchWithRotate: false, touchPitch: false, maxPitch: 0, renderWorldCopies: true,
      canvasContextAttributes: { preserveDrawingBuffer: new URLSearchParams(location.search).has('keep-pixels'), antialias: false },
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.addControl(new maplibre.ScaleControl({ unit: 'nautical', maxWidth: 140 }), 'bottom-right');
    this.map.addControl(new maplibre.NavigationControl({ showCompass: false }), 'bottom-right'); // the top belongs to distress
    this.names = new Names(container);
    this.map.on('load', () => {
      this.track = new Track(this.map, token);
      this.map.addLayer(this.layer);
      this.past = new Past(this.map, token);
      this.aid = new Aid(this.map, this.vessels, token, 'vessels');
      this.hearing = new Hearing(this.map, token, this.map.getLayer('zone-fill') ? 'zone-fill' : 'vessels');
      this.ruler = new Ruler(this.map, token, (handle) => this.placeOf(handle));
      this.recolour();
      change({ map: 'ready' });
      this.depths = addDepths(this.map, info).catch((fault) => console.warn(`no depths: ${fault.message}`)); // the map goes on without
    });
    this.map.on('click', (event) => this._click(event));
    this.map.on('move', () => { this._changed = true; }); // names stand beside the canvas and go with it
    this.map.on('webglcontextlost', () => change({ map: 'lost' }));
    this.map.on('webglcontextrestored', () => this._restore());
    this._animate = this._animate.bind(this);
    this._lastLook = 0;
    this._lastDraw = 0;
    this._flashes = false; // somebody on the map does
    this._changed = true; // something but the vessels, since the last redraw
    this._ranked = null; // active alerts, the most urgent first, and of each vessel the worst: until something changes
    subscribe(() => { this._changed = true; this._ranked = null; });
    this._drawing = false; // between a redraw and the next turn of the page
    this._tookMs = 0; // how long that was
    this._frame = 0; // the newest of the picture that was drawn
    requestAnimationFrame(this._animate);
  }

  /** A lost context takes a custom layer with it for good; put a new one in. */
  _restore() {
    const add = () => {
      if (this.map.getLayer('vessels')) this.map.removeLayer('vessels');
      this.layer = new VesselLayer(this.vessels);
      this.map.addLayer(this.layer);
      if (state.replay?.evidence) this.map.setLayoutProperty('vessels', 'visibility', 'none');
      this.recolour();
      change({ map: 'ready' });
    };
    this.map.isStyleLoaded() ? add() : this.map.once('idle', add);
  }

  /**
   * Ten redraws a second are smooth; a crowded picture gets four, and one at once when news arrives. Between news it is drawn only when some
   * ship has moved far enough to be seen: on a sea in real time that is hardly ever, and the machine is left to others. Where drawing is slow,
   * some of the time stays free for what arrives: else frames wait in line and the picture falls ever farther behind.
   */
  _animate(now) {
    const smooth = this.vessels.count > 5000 ? 250 : 100;
    const due = this.vessels.frames === this._frame ? Math.max(smooth, FREE_OLD * this._tookMs) : FREE_NEWS * this._tookMs;
    if (this._drawing) this._tookMs = Math.min(2000, now - this._lastDraw);
    this._drawing = false;
    if (state.map === 'ready' && !document.hidden && now - Math.max(this._lastLook, this._lastDraw) >= due) {
      const news = this.vessels.frames !== this._frame;
      this._lastLook = now;
      this._frame = this.vessels.frames;
      const past = this.past.update();
      this.aid.update();
      this.hearing.update();
      this.ruler.update();
      this.track.update();
      this.names.hidden = past;
      if (!past && (news || this._changed || this._moved(now))) {
        this._lastDraw = now;
        this._changed = false;
        this.mark();
        this.map.triggerRepaint();
        this._drawing = true;
      }
    }
    requestAnimationFrame(this._animate);
  }

  /** Whether somebody who looks would see by now that the picture stands. */
  _moved(now) {
    if (this._flashes && Math.floor(now / FLASH_MS) !== Math.floor(this._lastDraw / FLASH_MS)) return true;
    const stepMs = (1000 * STEP_PX) / (this.vessels.fastest * TILE_PX * 2 ** this.map.getZoom());
    return now - this._lastDraw >= Math.min(STILL_MS, stepMs);
  }

  /** Take the colours of the palette. */
  recolour() {
    const fills = ['class-0', 'class-1', 'class-2', 'class-3', 'class-4', 'class-5', 'vessel', 'vessel', 'alarm', 'warning', 'caution', 'focus', 'vessel'];
    fills.forEach((name, i) => this.layer.colours.set(rgba(token(name)), i * 4));
    this.layer.outline = rgba(token('outline'));
    const paint = { ...PAINT, 'zone-fill': ['fill-color', 'zone'], 'zone-line': ['line-color', 'zone'], coverage: ['fill-color', 'focus'] };
    for (const [layer, pairs] of Object.entries(paint)) {
      for (let i = 0; i < pairs.length; i += 2) if (this.map.getLayer(layer)) this.map.setPaintProperty(layer, pairs[i], token(pairs[i + 1]));
    }
    this.past.recolour();
    colourDepths(this.map);
    this.aid.recolour();
    this.hearing.recolour();
    this.ruler.recolour();
    this.track.recolour();
    this.map.triggerRepaint();
  }

  /** Marks on top: vessels with an active alert in its colour, places of alerts whose vessel is not on the map, brackets round the selected. */
  mark() {
    const { vessels } = this;
    const marks = [], lines = [];
    const { active, worst } = (this._ranked ??= ranked(state.alerts.values()));
    const unseen = active.filter((alert) => !alert.mmsi.some((mmsi) => vessels.slotOfMmsi(mmsi) !== undefined));
    for (const alert of unseen.slice(0, MARKS_MAX).reverse()) this._markPlace(marks, alert);
    for (const [mmsi, alert] of worst.slice(0, MARKS_MAX).reverse()) { // what is dangerous last, on top
      const s = vessels.slotOfMmsi(mmsi);
      if (s !== undefined) this._markVessel(marks, lines, s, alert);
    }
    this._markSelected(marks, lines);
    this.layer.marks = packed(marks);
    this.layer.lines = packed(lines);
    this._flashes = this.layer.flashing && marks.some((one) => one.bits & BIT.flash);
    this._name(worst);
  }

  /** Names beside what has an alert: the chosen and distress first, then who can be there first, then the rest, worst first, as many as are asked for. */
  _name(worst) {
    const { map, vessels } = this;
    const now = vessels.clock.now(performance.now() / 1000);
    const at = (s, otherwise) => map.project(s === undefined ? otherwise : lonLat(vessels.reckoned(s, now)));
    const called = ([mmsi, alert]) => {
      const s = vessels.slotOfMmsi(mmsi);
      if (s === undefined && !Number.isFinite(alert.lat)) return null;
      const known = vessels.statics.get(vessels.handle[s])?.name || alert.subjects.find((one) => one.mmsi === mmsi)?.name || mmsi;
      return { mmsi, at: at(s, [alert.lon, alert.lat]), text: clean(known, 24), look: isOpen(alert) ? 'open' : '' };
    };
    const chosen = state.alerts.get(state.selected);
    const calls = worst.filter(([, alert]) => alert !== chosen && isDistress(alert));
    const first = [...(chosen ? chosen.mmsi.map((mmsi) => [mmsi, chosen]) : []), ...calls].map(called).filter(Boolean);
    const coming = this.aid.words.map((one) => ({ ...one, at: at(vessels.slotOfMmsi(one.mmsi), one.place), look: 'coming' }));
    const labels = function* inTurn() {
      yield* first;
      yield* coming;
      for (const one of worst) {
        const label = one[1] === chosen || isDistress(one[1]) ? null : called(one);
        if (label) yield label;
      }
    };
    this.names.draw(labels(), map.getCanvas().getBoundingClientRect(), coming.length ? (first[0] ?? coming[0]).at : null);
  }

  _base(s) {
    const { vessels } = this;
    const angle = vessels.hdg[s] < 360 ? vessels.hdg[s] : vessels.cog[s] < 36000 ? vessels.cog[s] / 100 : NaN;
    return {
      x: mercatorX(vessels.lon[s]), y: mercatorY(vessels.lat[s]), vx: vessels.vx[s], vy: vessels.vy[s], t: vessels.t[s] - vessels.base, angle,
      bits: vessels.flags[s] & FLAG.classB ? BIT.classB : 0,
    };
  }

  _markVessel(marks, lines, s, alert) {
    const base = this._base(s);
    const colour = COLOUR[alert.level] ?? COLOUR.alarm;
    const flash = isOpen(alert) && alert.level !== 'caution' ? BIT.flash : 0;
    const lost = this.vessels.flags[s] & FLAG.lost;
    const shape = alert.level === 'emergency' ? SHAPE.beacon : lost ? SHAPE.lost : Number.isNaN(base.angle) ? SHAPE.circle : SHAPE.triangle;
    marks.push({ ...base, shape, colour, size: levelRank(alert.level) >= 2 ? 25 : 18, bits: base.bits | flash | (lost ? BIT.still : 0) });
    const around = { warning: SHAPE.ring, caution: SHAPE.square }[alert.level]; // colour never stands alone: the shape of the level goes with it
    if (around) marks.push({ ...base, shape: around, colour, size: 30, bits: base.bits | flash | (lost ? BIT.still : 0) });
    if (!lost) this._activated(lines, s, base, colour);
  }

  _markPlace(marks, alert) {
    if (!Number.isFinite(alert.lat) || !Number.isFinite(alert.lon)) return;
    const shape = { emergency: SHAPE.beacon, alarm: SHAPE.alarm, warning: SHAPE.ring, caution: SHAPE.square }[alert.level];
    const flash = isOpen(alert) && alert.level !== 'caution' ? BIT.flash : 0;
    marks.push({ ...place(alert), shape, colour: COLOUR[alert.level] ?? COLOUR.alarm, size: alert.level === 'emergency' ? 30 : 22, bits: BIT.still | flash });
  }

  _markSelected(marks, lines) {
    const alert = state.alerts.get(state.selected);
    const slots = new Set([this.vessels.slot.get(state.vessel), ...(alert?.mmsi ?? []).map((m) => this.vessels.slotOfMmsi(m))]);
    slots.delete(undefined);
    for (const s of slots) {
      const base = this._base(s);
      marks.push({ ...base, shape: SHAPE.brackets, colour: COLOUR.focus, size: 34 });
      if (!(this.vessels.flags[s] & FLAG.lost)) this._activated(lines, s, base, COLOUR.focus);
    }
    if (alert && Number.isFinite(alert.lat) && Number.isFinite(alert.lon)) marks.push({ ...place(alert), shape: SHAPE.brackets, colour: COLOUR.focus, size: 38, bits: BIT.still });
  }

  _vector(lines, base, colour) {
    if (!base.vx && !base.vy) return;
    for (const ahead of [0, VECTOR_S]) lines.push({ ...base, shape: 0, colour, size: 16, ahead });
  }

  /** What an activated target has beside its triangle: the dashed vector of its course, a solid line of its heading with the flag of its turn, its hull in true scale. */
  _activated(lines, s, base, colour) {
    this._vector(lines, base, colour);
    const { vessels } = this;
    if (vessels.hdg[s] >= 360) return;
    const pixel = 1 / (TILE_PX * 2 ** this.map.getZoom());
    const solid = (points) => {
      for (let i = 1; i < points.length; i++) for (const [ahead, side] of [points[i - 1], points[i]]) lines.push({ ...base, ...turned(base, ahead, side), shape: 0, colour, size: 16 });
    };
    const turn = vessels.rot[s] > -127 && Math.abs(vessels.rot[s]) > TURN_SEEN ? Math.sign(vessels.rot[s]) * FLAG_PX * pixel : 0;
    const line = [[0, 0], [HEADING_PX * pixel, 0]];
    solid(turn ? [...line, [HEADING_PX * pixel, turn]] : line);
    const hull = vessels.statics.get(vessels.handle[s]);
    const metre = 1 / (WORLD_M * Math.cos((vessels.lat[s] * Math.PI) / 180));
    if (hull?.antenna_m && hull.length_m * metre >= HULL_PX_MIN * pixel) solid(hullOf(hull.antenna_m, metre));
  }

  /** Where a vessel is now by dead reckoning, { lat, lon }; null of one that is not on the map. */
  placeOf(handle) {
    const s = this.vessels.slot.get(handle);
    if (s === undefined) return null;
    const [lon, lat] = lonLat(this.vessels.reckoned(s, this.vessels.clock.now(performance.now() / 1000)));
    return { lat, lon };
  }

  _click(event) {
    if (this.ruler?.click(event.lngLat)) return;
    if (state.replay?.evidence) return; // the vessels of now are not there to be clicked
    const x = mercatorX(event.lngLat.lng), y = mercatorY(event.lngLat.lat);
    const radius = 14 / (TILE_PX * 2 ** this.map.getZoom());
    const s = this.vessels.nearest(x, y, radius, this.vessels.clock.now(performance.now() / 1000));
    const handle = s === undefined ? 0 : this.vessels.handle[s];
    const mmsi = this.vessels.statics.get(handle)?.mmsi;
    const alert = [...state.alerts.values()].filter((a) => a.condition === 'active' && a.mmsi.includes(mmsi)).sort((a, b) => levelRank(b.level) - levelRank(a.level))[0];
    change({ vessel: handle, ...(alert ? { selected: alert.alert_id } : {}) });
  }

  /** Bring an alert into view without losing the surroundings. */
  show(alert, close = false) {
    const s = alert.mmsi.map((m) => this.vessels.slotOfMmsi(m)).find((slot) => slot !== undefined);
    const target = s !== undefined ? [this.vessels.lon[s], this.vessels.lat[s]] : [alert.lon, alert.lat];
    if (!target.every(Number.isFinite)) return;
    const covered = document.querySelector('.distress')?.offsetHeight ?? 0; // a place behind the banner is not in view
    if (!close && this.map.getBounds().contains(target) && this.map.project(target).y > covered) return;
    this.map.easeTo({ center: target, offset: [0, covered / 2], zoom: close ? Math.max(11, this.map.getZoom()) : Math.max(8, this.map.getZoom()), duration: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 400 });
  }

  /** Show or hide where the receivers are known to hear; asked for anew each time it is shown. */
  coverage(shown) {
    if (shown) this.map.getSource('coverage').setData(new URL('coverage.geojson', document.baseURI).href);
    this.map.setLayoutProperty('coverage', 'visibility', shown ? 'visible' : 'none');
  }

  /** Go to a place [lon, lat], whatever is in view. */
  fly(target) {
    this.placed = true;
    this.map.easeTo({ center: target, zoom: Math.max(11, this.map.getZoom()), duration: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 600 });
  }

  /** The first picture decides the view, unless the address or the operator did. */
  placeOnce() {
    if (this.placed || this.vessels.count < 1) return;
    this.placed = true;
    const middle = (values, share) => values[Math.floor((values.length - 1) * share)];
    const lons = this.vessels.lon.slice(0, this.vessels.count).sort(), lats = this.vessels.lat.slice(0, this.vessels.count).sort();
    this.map.fitBounds([[middle(lons, 0.04), middle(lats, 0.04)], [middle(lons, 0.96), middle(lats, 0.96)]], { padding: 60, maxZoom: 10, animate: false });
  }
}

/** { active: alerts, the most urgent first; worst: [mmsi, alert] of each vessel with its most urgent one, in the same order }. */
function ranked(alerts) {
  const urgency = (alert) => levelRank(alert.level) + isOpen(alert) / 2;
  const active = [...alerts].filter((alert) => alert.condition === 'active').map((alert) => [urgency(alert), alert]).sort((a, b) => b[0] - a[0]).map(([, alert]) => alert);
  const worst = new Map();
  for (const alert of active) for (const mmsi of alert.mmsi) if (!worst.has(mmsi)) worst.set(mmsi, alert);
  return { active, worst: [...worst] };
}

const lonLat = ([x, y]) => [x * 360 - 180, (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI];
const place = (alert) => ({ x: mercatorX(alert.lon), y: mercatorY(alert.lat), vx: 0, vy: 0, t: 0, angle: 0 });

/** Mercator place that lies so far ahead and to starboard of a target. */
function turned({ x, y, angle }, ahead, side) {
  const [sin, cos] = [Math.sin((angle * Math.PI) / 180), Math.cos((angle * Math.PI) / 180)];
  return { x: x + ahead * sin + side * cos, y: y - ahead * cos + side * sin };
}

/** Outline of a hull about its antenna, as [ahead, to starboard]; the last sixth tapers to the bow. */
function hullOf([bow, stern, port, starboard], metre) {
  if (!bow && !port) [bow, stern, port, starboard] = [stern / 2, stern / 2, starboard / 2, starboard / 2]; // size without the place of the antenna
  const shoulder = bow - (bow + stern) / 6, middle = (starboard - port) / 2;
  return [[bow, middle], [shoulder, starboard], [-stern, starboard], [-stern, -port], [shoulder, -port], [bow, middle]].map(([ahead, side]) => [ahead * metre, side * metre]);
}

function packed(list) {
  const bytes = new Uint8Array(list.length * STRIDE), floats = new Float32Array(bytes.buffer);
  list.forEach((v, i) => writeVertex(floats, bytes, i, { bits: 0, ...v }));
  return { bytes, count: list.length };
}

/** Can this browser draw the map at all? */
export function hasWebGL2() {
  try {
    const gl = document.createElement('canvas').getContext('webgl2');
    gl?.getExtension('WEBGL_lose_context')?.loseContext();
    return Boolean(gl);
  } catch {
    return false;
  }
}
