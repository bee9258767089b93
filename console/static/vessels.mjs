// The picture in the browser: frames in, one interleaved vertex buffer out, plus what a click needs.
// May live here: frame decoding, dead reckoning arithmetic, the event clock. May not: WebGL calls, DOM.
//
// A vertex is 40 bytes: Mercator x and y as high and low float32 (so that z20 is steady), velocity in Mercator units per
// second, report time since `base`, angle, "ahead" (seconds along the velocity, for vectors), then shape, colour, size, bits.
// The shader adds v * (now - t), so a moving picture costs no script between frames.

export const STRIDE = 40;
const ROW = 23; // bytes of a vessel in a frame
const MAGIC = 0x31465744;
export const WORLD_M = 2 * Math.PI * 6378137;
export const FLAG = { alerted: 1, watched: 2, lost: 4, classB: 8, nonShip: 16, distress: 32, interpolated: 64, removed: 128 };
export const SHAPE = { triangle: 0, circle: 1, lost: 2, aid: 3, base: 4, beacon: 5, aircraft: 6, brackets: 7, ring: 8, square: 9, alarm: 10, virtualAid: 11 };
export const BIT = { flash: 1, still: 2, classB: 4 };
export const COLOUR = { alarm: 8, warning: 9, caution: 10, focus: 11, muted: 12 }; // 0-5 ship classes

export const mercatorX = (lon) => (lon + 180) / 360;
export const mercatorY = (lat) => (1 - Math.log(Math.tan(Math.PI / 4 + (Math.max(-85.06, Math.min(85.06, lat)) * Math.PI) / 360)) / Math.PI) / 2;

/** Arrays of one binary frame (layout: console/picture.py). Throws on anything else. */
export function readFrame(buffer) {
  const head = new DataView(buffer);
  if (buffer.byteLength < 24 || head.getUint32(0, true) !== MAGIC) throw new Error('not a vessel frame');
  const n = head.getUint32(4, true);
  if (head.getUint16(8, true) !== ROW || buffer.byteLength !== 24 + ROW * n) throw new Error('vessel frame of another length');
  let at = 24;
  const take = (Kind) => {
    const view = new Kind(buffer, at, n);
    at += view.byteLength;
    return view;
  };
  return {
    n, key: head.getUint16(10, true) === 0, seq: head.getUint32(12, true), t: head.getFloat64(16, true),
    handle: take(Uint32Array), lon: take(Int32Array), lat: take(Int32Array), cog: take(Uint16Array), sog: take(Uint16Array),
    what: take(Uint16Array), age: take(Uint16Array), flags: take(Uint8Array), score: take(Uint8Array), rot: take(Int8Array),
  };
}

/** Event time between frames. The browser's own clock is not trusted, only its pace; a recording played fast has a pace of its own. */
export class EventClock {
  constructor() { this.reset(); }

  reset() {
    this.t = NaN; // event time of the newest frame, s
    this.at = 0; // when it came, browser seconds
    this.pace = 1;
    this.steps = [];
  }

  frame(t, at) {
    if (!(t > 0)) return;
    if (Number.isFinite(this.t) && t < this.t - 10) this.reset();
    if (t !== this.t) this.steps.push([t, at]);
    while (this.steps.length > 2 && at - this.steps[0][1] > 8) this.steps.shift();
    const [t0, at0] = this.steps[0];
    const pace = at - at0 > 1 ? (t - t0) / (at - at0) : 1;
    this.pace = pace > 0.5 && pace < 1.6 ? 1 : Math.max(0, pace);
    this.t = t;
    this.at = at;
  }

  /** Event time now, s; a feed that stops is run on at its pace for two seconds, then in real time. */
  now(at) {
    if (!Number.isFinite(this.t)) return NaN;
    const since = Math.max(0, at - this.at);
    return this.t + this.pace * Math.min(since, 2) + Math.max(0, since - 2);
  }
}

export class Vessels {
  constructor() {
    this.count = 0;
    this.frames = 0; // taken so far
    this.slot = new Map(); // handle -> slot
    this.byMmsi = new Map();
    this.statics = new Map(); // handle -> { mmsi, name, ... }
    this.staticVersion = 0;
    this.clock = new EventClock();
    this.base = NaN; // s; times in the buffer count from here, moved daily (float32 has 0.25 s steps after a month)
    this.dirty = [0, 0];
    this._grow(1024);
  }

  _grow(capacity) {
    const old = this;
    const copy = (Kind, before, width = 1) => {
      const fresh = new Kind(capacity * width);
      if (before) fresh.set(before);
      return fresh;
    };
    this.capacity = capacity;
    this.handle = copy(Uint32Array, old.handle);
    this.lon = copy(Float64Array, old.lon);
    this.lat = copy(Float64Array, old.lat);
    this.t = copy(Float64Array, old.t);
    this.vx = copy(Float32Array, old.vx);
    this.vy = copy(Float32Array, old.vy);
    this.cog = copy(Uint16Array, old.cog);
    this.sog = copy(Uint16Array, old.sog);
    this.hdg = copy(Uint16Array, old.hdg);
    this.cls = copy(Uint8Array, old.cls);
    this.flags = copy(Uint8Array, old.flags);
    this.score = copy(Uint8Array, old.score);
    this.rot = copy(Int8Array, old.rot);
    const bytes = copy(Uint8Array, old.bytes, STRIDE);
    this.bytes = bytes;
    this.floats = new Float32Array(bytes.buffer);
    this.dirty = [0, this.count];
  }

  /** Take one frame (ArrayBuffer) that came at `at` (browser seconds). Returns handles not known before. */
  take(buffer, at) {
    const f = readFrame(buffer);
    this.frames++;
    this.clock.frame(f.t, at);
    if (!(Math.abs(f.t - this.base) < 86400) && f.t > 0) this._rebase(f.t);
    const seen = f.key ? new Set() : null;
    const fresh = [];
    for (let i = 0; i < f.n; i++) {
      const handle = f.handle[i];
      if (f.flags[i] & FLAG.removed) { this._remove(handle); continue; }
      if (seen) seen.add(handle);
      let s = this.slot.get(handle);
      if (s === undefined) {
        if (this.count === this.capacity) this._grow(this.capacity * 2);
        s = this.count++;
        this.slot.set(handle, s);
        this.handle[s] = handle;
        if (!this.statics.has(handle)) fresh.push(handle);
      }
      this._write(s, f, i);
    }
    if (seen) for (const handle of [...this.slot.keys()]) if (!seen.has(handle)) this._remove(handle);
    return fresh;
  }

  _rebase(t) {
    this.base = t;
    for (let s = 0; s < this.count; s++) this.floats[s * 10 + 6] = this.t[s] - t;
    this.dirty = [0, this.count];
  }

  _write(s, f, i) {
    const lon = f.lon[i] / 1e7, lat = f.lat[i] / 1e7;
    this.lon[s] = lon; this.lat[s] = lat;
    this.t[s] = f.t - f.age[i] / 10;
    const hdg = f.what[i] & 511, cls = f.what[i] >> 9;
    this.cog[s] = f.cog[i]; this.sog[s] = f.sog[i]; this.hdg[s] = hdg;
    this.cls[s] = cls; this.flags[s] = f.flags[i]; this.score[s] = f.score[i]; this.rot[s] = f.rot[i];
    const course = (f.cog[i] / 100) * (Math.PI / 180);
    const moves = f.cog[i] < 36000 && f.sog[i] < 65535 && !(f.flags[i] & FLAG.lost);
    const speed = moves ? ((f.sog[i] / 100) * (1852 / 3600)) / (WORLD_M * Math.max(0.01, Math.cos((lat * Math.PI) / 180))) : 0;
    this.vx[s] = Math.sin(course) * speed; this.vy[s] = -Math.cos(course) * speed;
    const angle = hdg < 360 ? hdg : f.cog[i] < 36000 ? f.cog[i] / 100 : NaN;
    writeVertex(this.floats, this.bytes, s, {
      x: mercatorX(lon), y: mercatorY(lat), vx: this.vx[s], vy: this.vy[s], t: this.t[s] - this.base, angle,
      shape: shapeOf(cls, f.flags[i], angle), colour: cls <= 5 ? cls : cls === 19 ? COLOUR.alarm : COLOUR.muted, size: cls <= 5 ? 13 : cls === 19 ? 26 : 15,
      bits: (f.flags[i] & FLAG.classB ? BIT.classB : 0) | (f.flags[i] & FLAG.lost ? BIT.still : 0), // the cross of a lost one does not fade with its age
    });
    this.dirty = [Math.min(this.dirty[0], s), Math.max(this.dirty[1], s + 1)];
  }

  _remove(handle) {
    const s = this.slot.get(handle);
    if (s === undefined) return;
    const last = --this.count;
    if (s !== last) {
      for (const name of ['handle', 'lon', 'lat', 't', 'vx', 'vy', 'cog', 'sog', 'hdg', 'cls', 'flags', 'score', 'rot']) this[name][s] = this[name][last];
      this.bytes.copyWithin(s * STRIDE, last * STRIDE, (last + 1) * STRIDE);
      this.slot.set(this.handle[s], s);
      this.dirty = [Math.min(this.dirty[0], s), Math.max(this.dirty[1], s + 1)];
    }
    this.slot.delete(handle);
    const known = this.statics.get(handle);
    if (known && this.byMmsi.get(known.mmsi) === handle) this.byMmsi.delete(known.mmsi);
    this.statics.delete(handle);
  }

  /** Mercator units per second of the browser's time that the fastest of them moves. */
  get fastest() {
    if (this._fastestOf !== this.frames) {
      let most = 0;
      for (let s = 0; s < this.count; s++) most = Math.max(most, this.vx[s] * this.vx[s] + this.vy[s] * this.vy[s]);
      this._fastest = Math.sqrt(most);
      this._fastestOf = this.frames;
    }
    return this._fastest * Math.max(1, this.clock.pace);
  }

  /** Who handles are, as api/static tells it. */
  takeStatics(answer) {
    this.staticVersion = answer.version;
    for (const row of answer.rows) {
      this.statics.set(row.handle, row);
      this.byMmsi.set(row.mmsi, row.handle);
    }
  }

  /** Which SHAPE it has. */
  shape(s) { return this.bytes[s * STRIDE + 36]; }

  slotOfMmsi(mmsi) { return this.slot.get(this.byMmsi.get(mmsi)); }

  /**
   * Where the one subject of an alert was last heard, and when (ms): an alert that goes on unchanged is not published with each report,
   * but whoever goes to help needs the newest position, not that of the last revision.
   */
  latest(alert) {
    const told = { lat: alert.lat, lon: alert.lon, at: Date.parse(alert.t_last) };
    const s = alert.mmsi.length === 1 ? this.slotOfMmsi(alert.mmsi[0]) : undefined;
    return s !== undefined && this.t[s] * 1000 > told.at ? { lat: this.lat[s], lon: this.lon[s], at: this.t[s] * 1000 } : told;
  }

  /** Where a vessel is drawn at event time `now`: Mercator x and y. */
  reckoned(s, now) {
    const limit = this.flags[s] & FLAG.classB ? 90 : 60;
    const dt = Math.max(0, Math.min(limit, now - this.t[s]));
    return [mercatorX(this.lon[s]) + this.vx[s] * dt, mercatorY(this.lat[s]) + this.vy[s] * dt];
  }

  /** The vessel nearest to a point of the map within `radius` (Mercator units), or undefined. */
  nearest(x, y, radius, now) {
    let best, least = radius * radius;
    for (let s = 0; s < this.count; s++) {
      const [px, py] = this.reckoned(s, now);
      let dx = px - x;
      dx -= Math.round(dx);
      const d = dx * dx + (py - y) * (py - y);
      if (d < least) { least = d; best = s; }
    }
    return best;
  }

  /** What the card and the list show about a slot. */
  describe(s, now) {
    const known = this.statics.get(this.handle[s]) ?? {};
    return {
      ...known, handle: this.handle[s], lat: this.lat[s], lon: this.lon[s], cls: this.cls[s], flags: this.flags[s], score: this.score[s],
      sog: this.sog[s] === 65535 ? null : this.sog[s] / 100, cog: this.cog[s] >= 36000 ? null : this.cog[s] / 100,
      hdg: this.hdg[s] >= 360 ? null : this.hdg[s], age: now - this.t[s],
    };
  }
}

function shapeOf(cls, flags, angle) {
  if (cls === 19 || flags & FLAG.distress) return SHAPE.beacon;
  if (cls === 16) return SHAPE.base;
  if (cls === 17) return SHAPE.aid;
  if (cls === 20) return SHAPE.virtualAid;
  if (flags & FLAG.lost) return SHAPE.lost;
  if (cls === 18) return SHAPE.aircraft;
  return Number.isNaN(angle) ? SHAPE.circle : SHAPE.triangle;
}

/** Write vertex `s` of an interleaved buffer. Missing angle is drawn as a circle, so 0 does no harm in the buffer. */
export function writeVertex(floats, bytes, s, v) {
  const f = s * 10, b = s * STRIDE + 36;
  const hx = Math.fround(v.x), hy = Math.fround(v.y);
  floats[f] = hx; floats[f + 1] = hy; floats[f + 2] = v.x - hx; floats[f + 3] = v.y - hy;
  floats[f + 4] = v.vx; floats[f + 5] = v.vy; floats[f + 6] = v.t;
  floats[f + 7] = Number.isNaN(v.angle) ? 0 : (v.angle * Math.PI) / 180;
  floats[f + 8] = v.ahead ?? 0;
  bytes[b] = v.shape; bytes[b + 1] = v.colour; bytes[b + 2] = v.size; bytes[b + 3] = v.bits;
}
