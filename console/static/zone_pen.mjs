// The pen on the map of zones: places by click, handles that are dragged, and the same by keys. May live here: pointer, keys, handles, what is
// chosen. May not: how a feature changes (zone_shape.mjs), the form beside the map, requests.
//
// Own code and no drawing library: terra-draw 1.35, the one that is well kept, draws by pointer only, knows no areas of several parts and would
// be 260 kB, a quarter of the page.

import { SHAPES, addVertex, drawn, middle, moveVertex, pathsOf, removeVertex } from './zone_shape.mjs';

const GRAB_PX = 12;
const STEP_PX = 10; // an arrow moves a vertex by so much; with Shift by one
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const dot = (place, properties) => ({ type: 'Feature', properties, geometry: { type: 'Point', coordinates: place } });
const collection = (features) => ({ type: 'FeatureCollection', features });

export class Pen {
  /** `get()` gives the features; `told(fields)` hears `features` (a list that replaces them) and what is chosen. */
  constructor(chart, get, told) {
    Object.assign(this, { chart, map: chart.map, get, told });
    this.drawing = null; // { shape, places }
    this.zone = -1; // which is chosen
    this.vertex = null; // [k, i] of it
    this.grabbed = null; // { feature } while a vertex is dragged
    const { map } = this;
    map.doubleClickZoom.disable(); // a double click ends a line
    map.on('click', (event) => this._click(event));
    map.on('dblclick', () => this.finish());
    map.on('mousedown', (event) => this._grab(event));
    map.on('mousemove', (event) => this._move(event));
    window.addEventListener('mouseup', () => this._drop()); // wherever it is let go
    map.on('touchstart', (event) => event.points.length === 1 && this._grab(event));
    map.on('touchmove', (event) => this._move(event));
    map.on('touchend', () => this._drop());
    map.getCanvas().addEventListener('keydown', (event) => this._key(event), true); // before the map, which takes arrows for its own
  }

  /** Begin a new zone of a shape of SHAPES. */
  begin(shape) {
    this.drawing = { shape, places: [] };
    this.choose(-1);
    this.map.getCanvas().focus();
  }

  /** Choose a zone, or none (-1), and a vertex of it. */
  choose(zone, vertex = null) {
    Object.assign(this, { zone, vertex });
    this.show();
    this.told({ zone, vertex, drawing: this.drawing });
  }

  /** The zone that is being drawn is done, if it has places enough. */
  finish() {
    const { drawing } = this;
    if (!drawing || drawing.places.length < SHAPES[drawing.shape].needs) return;
    const features = this.get();
    this.drawing = null;
    this.told({ features: [...features, drawn(drawing.shape, drawing.places, features)] });
    this.choose(features.length);
  }

  cancel() {
    if (this.drawing) this.drawing = null;
    else if (this.vertex) this.vertex = null;
    else this.zone = -1;
    this.choose(this.zone, this.vertex);
  }

  /** Take away the chosen vertex. */
  remove() {
    if (!this.vertex) return;
    this._change((feature) => removeVertex(feature, ...this.vertex));
    this.choose(this.zone);
  }

  /** A vertex in the middle of the edge that follows the chosen one. */
  insert() {
    const feature = this.get()[this.zone];
    const between = this.vertex && middle(feature, ...this.vertex);
    if (!between) return;
    const [k, i] = this.vertex;
    this._change((one) => addVertex(one, k, i, between));
    this.choose(this.zone, [k, i + 1]);
  }

  _change(edit) {
    this.told({ features: this.get().map((one, i) => (i === this.zone ? edit(one) : one)) });
    this.show();
  }

  _place(lngLat) {
    this.drawing.places.push([lngLat.lng, lngLat.lat]);
    if (this.drawing.shape === 'circle') this.finish();
    else this.choose(-1);
  }

  _click(event) {
    if (this.drawing) {
      const last = this.drawing.places.at(-1);
      if (event.originalEvent.detail > 1) return; // the second click of a double one
      if (last && this._near(this.drawing.places[0], event.point) && this.drawing.places.length >= 3 && this.drawing.shape === 'area') this.finish();
      else this._place(event.lngLat);
      return;
    }
    if (this._handle(event.point)) return;
    const found = this.map.queryRenderedFeatures([[event.point.x - 6, event.point.y - 6], [event.point.x + 6, event.point.y + 6]], { layers: ['draft-point', 'draft-line', 'draft-fill'] })[0];
    this.choose(found ? found.properties.i : -1);
  }

  _near(place, point) {
    const at = this.map.project(place);
    return Math.hypot(at.x - point.x, at.y - point.y) <= GRAB_PX;
  }

  /** The handle at a point of the screen: a vertex before a middle. */
  _handle(point) {
    const feature = this.get()[this.zone];
    return feature && handles(feature).filter((one) => this._near(one.place, point)).sort((a, b) => a.between - b.between)[0];
  }

  _grab(event) {
    const handle = !this.drawing && this._handle(event.point);
    if (!handle) return;
    event.preventDefault(); // the map stays where it is
    let feature = this.get()[this.zone];
    if (handle.between) feature = addVertex(feature, handle.k, handle.i, handle.place);
    this.grabbed = { feature, moved: handle.between };
    this.choose(this.zone, [handle.k, handle.i + (handle.between ? 1 : 0)]);
  }

  _move(event) {
    if (!this.grabbed) return;
    this.grabbed = { feature: moveVertex(this.grabbed.feature, ...this.vertex, event.lngLat.toArray()), moved: true };
    this.show();
  }

  _drop() {
    if (!this.grabbed) return;
    const { feature, moved } = this.grabbed;
    this.grabbed = null;
    if (moved) this._change(() => feature);
  }

  _key(event) {
    const arrow = ARROWS[event.key];
    const run = this.drawing ? { Enter: () => (event.shiftKey ? this.finish() : this._place(this.map.getCenter())), ' ': () => this._place(this.map.getCenter()), f: () => this.finish(), Escape: () => this.cancel(), Backspace: () => { this.drawing.places.pop(); this.choose(-1); } }
      : { ']': () => this._step(1), '[': () => this._step(-1), Delete: () => this.remove(), Backspace: () => this.remove(), Insert: () => this.insert(), i: () => this.insert(), Escape: () => this.cancel() };
    if (arrow && this.vertex) this._nudge(arrow, event.shiftKey ? 1 : STEP_PX);
    else if (run[event.key]) run[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  _step(by) {
    const feature = this.get()[this.zone];
    if (!feature) return;
    const every = pathsOf(feature).flatMap((path, k) => path.map((_, i) => [k, i]));
    const at = every.findIndex(([k, i]) => k === this.vertex?.[0] && i === this.vertex?.[1]);
    this.choose(this.zone, every[(at + by + every.length) % every.length]);
  }

  _nudge([dx, dy], px) {
    const [k, i] = this.vertex;
    const at = this.map.project(pathsOf(this.get()[this.zone])[k][i]);
    this._change((feature) => moveVertex(feature, k, i, this.map.unproject([at.x + dx * px, at.y + dy * px]).toArray()));
  }

  /** Draw zones, handles and what is begun. */
  show() {
    const features = this.get().map((one, i) => (this.grabbed && i === this.zone ? this.grabbed.feature : one));
    this.chart.set('draft', collection(features.map((one, i) => ({ ...one, properties: { i, name: one.properties?.name ?? '', chosen: i === this.zone } }))));
    const own = features[this.zone];
    const shown = own && !this.drawing ? handles(own).map((one) => dot(one.place, { kind: one.between ? 'between' : 'vertex', chosen: !one.between && one.k === this.vertex?.[0] && one.i === this.vertex?.[1] })) : [];
    const { places = [], shape } = this.drawing ?? {};
    const line = places.length > 1 ? [{ type: 'Feature', properties: { kind: 'begun' }, geometry: { type: 'LineString', coordinates: shape === 'area' && places.length > 2 ? [...places, places[0]] : places } }] : [];
    this.chart.set('pen', collection([...line, ...shown, ...places.map((place) => dot(place, { kind: 'vertex', chosen: false }))]));
  }
}

/** Every vertex of a feature and the middle of every edge: { k, i, place, between }. */
function handles(feature) {
  return pathsOf(feature).flatMap((path, k) => path.flatMap((place, i) => {
    const half = middle(feature, k, i);
    return [{ k, i, place, between: false }, ...(half ? [{ k, i, place: half, between: true }] : [])];
  }));
}
