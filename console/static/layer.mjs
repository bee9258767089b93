// The vessels on the map: one custom WebGL2 layer over MapLibre's own. May live here: shaders, buffers, drawing order.
// May not: where vessels come from, what is selected and why.
//
// Points, not triangles: a symbol is a point sprite whose form is computed in the fragment shader (five times cheaper in
// software rendering than instanced triangles). Positions are high + low float32 relative to the middle of the view, and the matrix
// is moved there in float64, so symbols stand still at any zoom. Each ship is drawn in the nearest copy of the world.
// Four draws: ships as plain triangles, by a fragment shader of two half planes, because a software renderer pays for every branch of
// every pixel (measured with 50,000 ships: docs/console.md); then of the same buffer what has another form; vectors of the few that
// matter; their symbols, last and on top.

import { STRIDE, BIT, SHAPE } from './vessels.mjs';

const VERTEX = `#version 300 es
precision highp float;
layout(location = 0) in vec4 a_pos;    // x, y high; x, y low
layout(location = 1) in vec2 a_vel;
layout(location = 2) in vec3 a_move;   // report time, angle, seconds ahead
layout(location = 3) in uvec4 a_style; // shape, colour, size, bits
uniform mat4 u_matrix;
uniform vec4 u_centre;
uniform float u_now, u_ratio, u_scale, u_points_max;
uniform vec4 u_colours[13];
flat out uvec4 v_style;
flat out vec4 v_fill; // looked up here: once for each target, not for each of its pixels
flat out float v_alpha, v_size;
flat out vec2 v_turn;
out float v_ahead;
void main() {
  float age = max(0.0, u_now - a_move.x);
  bool still = (a_style.w & ${BIT.still}u) != 0u;
  float limit = (a_style.w & ${BIT.classB}u) != 0u ? 90.0 : 60.0;
  vec2 d = (a_pos.xy - u_centre.xy) + (a_pos.zw - u_centre.zw);
  d += a_vel * (still ? 0.0 : min(age, limit) + a_move.z);
  d.x -= floor(d.x + 0.5);
  gl_Position = u_matrix * vec4(d, 0.0, 1.0);
  float size = float(a_style.z) * u_ratio * (a_style.z < 16u ? u_scale : 1.0);
  v_size = min(size, u_points_max);
  gl_PointSize = v_size;
  v_alpha = still ? 1.0 : 1.0 - 0.6 * smoothstep(limit, 480.0, age);
  v_style = a_style;
  v_fill = u_colours[a_style.y];
  v_turn = vec2(cos(a_move.y), sin(a_move.y));
  v_ahead = a_move.z;
}`;

const FRAGMENT = `#version 300 es
precision highp float;
flat in uvec4 v_style;
flat in vec4 v_fill;
flat in float v_alpha, v_size;
flat in vec2 v_turn;
in float v_ahead;
uniform vec4 u_outline;
uniform float u_flash;
uniform bool u_line;
out vec4 colour;
float cross2(vec2 a, vec2 b) { return a.x * b.y - a.y * b.x; }
float triangle(vec2 p, vec2 a, vec2 b, vec2 c) { // signed distance, negative inside
  vec2 e0 = b - a, e1 = c - b, e2 = a - c, q0 = p - a, q1 = p - b, q2 = p - c;
  vec2 r0 = q0 - e0 * clamp(dot(q0, e0) / dot(e0, e0), 0.0, 1.0);
  vec2 r1 = q1 - e1 * clamp(dot(q1, e1) / dot(e1, e1), 0.0, 1.0);
  vec2 r2 = q2 - e2 * clamp(dot(q2, e2) / dot(e2, e2), 0.0, 1.0);
  float s = sign(cross2(e0, e2));
  vec2 m = min(min(vec2(dot(r0, r0), s * cross2(q0, e0)), vec2(dot(r1, r1), s * cross2(q1, e1))), vec2(dot(r2, r2), s * cross2(q2, e2)));
  return -sqrt(m.x) * sign(m.y);
}
float bar(vec2 p, vec2 a, vec2 b, float w) {
  vec2 e = b - a, q = p - a;
  return length(q - e * clamp(dot(q, e) / dot(e, e), 0.0, 1.0)) - w;
}
float form(uint shape, vec2 p, vec2 r, float px) { // p upright, r turned to the heading; distances in half sizes
  if (shape == 0u || shape == 10u) return triangle(r, vec2(0.0, -0.86), vec2(0.50, 0.74), vec2(-0.50, 0.74));
  if (shape == 1u) return abs(length(p) - 0.6) - 1.0 * px;
  if (shape == 2u) return min(bar(p, vec2(-0.62), vec2(0.62), 1.3 * px), bar(p, vec2(-0.62, 0.62), vec2(0.62, -0.62), 1.3 * px));
  if (shape == 3u || shape == 11u) { // an aid; its frame is dashed where it is virtual
    vec2 q = abs(p);
    float frame = abs(q.x + q.y - 0.72) - 1.2 * px;
    if (shape == 11u) frame = max(frame, abs(fract((q.x - q.y) / 0.48 + 0.5) - 0.5) * 0.48 - 0.12);
    return min(frame, min(bar(p, vec2(-0.25, 0.0), vec2(0.25, 0.0), px), bar(p, vec2(0.0, -0.25), vec2(0.0, 0.25), px)));
  }
  if (shape == 4u) return abs(max(abs(p.x), abs(p.y)) - 0.55) - 1.2 * px;
  if (shape == 5u) return min(abs(length(p) - 0.72) - 1.8 * px, min(bar(p, vec2(-0.5), vec2(0.5), 1.5 * px), bar(p, vec2(-0.5, 0.5), vec2(0.5, -0.5), 1.5 * px)));
  if (shape == 6u) return min(bar(r, vec2(0.0, -0.8), vec2(0.0, 0.7), 1.4 * px), min(bar(r, vec2(-0.7, 0.1), vec2(0.7, 0.1), 1.4 * px), bar(r, vec2(-0.3, 0.65), vec2(0.3, 0.65), 1.2 * px)));
  if (shape == 7u) {
    vec2 q = abs(p);
    float frame = abs(max(q.x, q.y) - 0.82) - 1.2 * px;
    return max(frame, 0.45 - min(q.x, q.y));
  }
  if (shape == 8u) return abs(length(p) - 0.8) - 1.4 * px;
  return abs(max(abs(p.x), abs(p.y)) - 0.72) - 1.4 * px;
}
void main() {
  vec4 fill = v_fill;
  float flash = (v_style.w & ${BIT.flash}u) != 0u ? u_flash : 1.0;
  if (u_line) {
    if (fract(v_ahead / 40.0) > 0.6) discard;
    colour = vec4(fill.rgb, 1.0) * fill.a;
    return;
  }
  vec2 p = gl_PointCoord * 2.0 - 1.0;
  vec2 r = vec2(p.x * v_turn.x + p.y * v_turn.y, -p.x * v_turn.y + p.y * v_turn.x);
  float px = 2.0 / v_size;
  float d = form(v_style.x, p, r, px);
  float inside = clamp(0.5 - d / px, 0.0, 1.0);
  bool small = v_style.z < 16u; // a heavy rim would hide the colour of a small symbol
  float outline = v_style.x == 11u ? inside : clamp(0.5 - (d - (small ? 0.7 : 1.5) * px) / px, 0.0, 1.0);
  vec4 rim = small ? vec4(u_outline.rgb, u_outline.a * 0.75) : u_outline;
  fill.a *= flash; // the rim stays: a flashing target never leaves the map
  float a = mix(outline * rim.a, max(fill.a, outline * rim.a * (1.0 - inside)), inside) * v_alpha;
  if (a < 0.01) discard;
  colour = vec4(mix(rim.rgb, fill.rgb, inside) * a, a);
}`;

// A small triangle with its apex on the heading: below the base line, and inside both flanks (symmetric, so one test of |x| does for two)
const PLAIN = `#version 300 es
precision mediump float;
flat in vec4 v_fill;
flat in float v_alpha, v_size;
flat in vec2 v_turn;
uniform vec4 u_outline;
out vec4 colour;
void main() {
  vec2 p = gl_PointCoord * 2.0 - 1.0;
  vec2 r = vec2(p.x * v_turn.x + p.y * v_turn.y, p.y * v_turn.x - p.x * v_turn.y);
  float d = max(r.y - 0.72, abs(r.x) * 0.954 - r.y * 0.299 - 0.257) * v_size * 0.5; // px
  float a = clamp(1.2 - d, 0.0, 1.0) * v_alpha;
  colour = vec4(mix(u_outline.rgb, v_fill.rgb, clamp(0.5 - d, 0.0, 1.0)) * a, a);
}`;

export const FLASH_MS = 500; // a target that flashes is bright for so long, then dim

/** A MapLibre custom layer over `vessels` (vessels.mjs). */
export class VesselLayer {
  constructor(vessels) {
    this.id = 'vessels';
    this.type = 'custom';
    this.renderingMode = '2d';
    this.vessels = vessels;
    this.colours = new Float32Array(13 * 4);
    this.outline = [0, 0, 0, 1];
    this.marks = { bytes: new Uint8Array(0), count: 0 }; // symbols on top
    this.lines = { bytes: new Uint8Array(0), count: 0 }; // vectors, two vertices each
    this.flashing = true;
    this.frames = 0;
    this.scriptMs = 0;
  }

  onAdd(map, gl) {
    this.map = map;
    this.plain = linked(gl, PLAIN);
    this.forms = linked(gl, FRAGMENT);
    this.pointsMax = gl.getParameter(gl.ALIASED_POINT_SIZE_RANGE)[1];
    this.all = vertexArray(gl);
    this.few = vertexArray(gl);
    this.order = gl.createBuffer();
    this.sortedFrames = -1;
    this.allBytes = 0;
    this.vessels.dirty = [0, this.vessels.count];
  }

  onRemove(map, gl) {
    for (const { array, buffer } of [this.all, this.few]) {
      gl.deleteVertexArray(array);
      gl.deleteBuffer(buffer);
    }
    gl.deleteBuffer(this.order);
    gl.deleteProgram(this.plain.program);
    gl.deleteProgram(this.forms.program);
  }

  render(gl, { defaultProjectionData }) {
    const begun = performance.now();
    const { vessels, plain, forms } = this;
    this._upload(gl);
    const centre = this.map.getCenter();
    const x = (centre.lng + 180) / 360;
    const y = (1 - Math.log(Math.tan(Math.PI / 4 + (centre.lat * Math.PI) / 360)) / Math.PI) / 2;
    const view = { x, y, matrix: movedMatrix(defaultProjectionData.mainMatrix, x, y), now: vessels.clock.now(begun / 1000), scale: scaleAt(this.map.getZoom(), vessels.count) };
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.STENCIL_TEST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.bindVertexArray(this.all.array);
    for (const [of, from, to] of [[plain, 0, this.triangles], [forms, this.triangles, vessels.count]]) {
      this._use(gl, of, view);
      if (to > from) gl.drawElements(gl.POINTS, to - from, gl.UNSIGNED_INT, from * Uint32Array.BYTES_PER_ELEMENT);
    }
    this._drawFew(gl, this.lines, gl.LINES, 1);
    this._drawFew(gl, this.marks, gl.POINTS, 0);
    gl.bindVertexArray(null);
    this.frames++;
    this.scriptMs = performance.now() - begun;
  }

  _use(gl, { program, at }, { x, y, matrix, now, scale }) {
    gl.useProgram(program);
    gl.uniformMatrix4fv(at.u_matrix, false, matrix);
    gl.uniform4f(at.u_centre, Math.fround(x), Math.fround(y), x - Math.fround(x), y - Math.fround(y));
    gl.uniform1f(at.u_now, Number.isFinite(now) ? now - this.vessels.base : 0);
    gl.uniform1f(at.u_ratio, window.devicePixelRatio || 1);
    gl.uniform1f(at.u_scale, scale);
    gl.uniform1f(at.u_points_max, this.pointsMax);
    gl.uniform4fv(at.u_colours, this.colours);
    gl.uniform4fv(at.u_outline, this.outline);
    gl.uniform1f(at.u_flash, this.flashing && Math.floor(performance.now() / FLASH_MS) % 2 ? 0.15 : 1);
    gl.uniform1i(at.u_line, 0);
  }

  _upload(gl) {
    const { vessels } = this;
    const [from, to] = vessels.dirty;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.all.buffer);
    if (this.allBytes !== vessels.bytes.byteLength) {
      gl.bufferData(gl.ARRAY_BUFFER, vessels.bytes, gl.DYNAMIC_DRAW);
      this.allBytes = vessels.bytes.byteLength;
    } else if (to > from) {
      gl.bufferSubData(gl.ARRAY_BUFFER, from * STRIDE, vessels.bytes.subarray(from * STRIDE, to * STRIDE));
    }
    vessels.dirty = [Infinity, 0];
    this._sort(gl);
  }

  /** Slots of the plain triangles, then those of the other forms: so that no draw passes over vertices of the other. */
  _sort(gl) {
    const { vessels } = this;
    if (this.sortedFrames === vessels.frames) return;
    this.sortedFrames = vessels.frames;
    const order = new Uint32Array(vessels.count);
    let triangles = 0, forms = vessels.count;
    for (let s = 0; s < vessels.count; s++) order[vessels.shape(s) === SHAPE.triangle ? triangles++ : --forms] = s;
    this.triangles = triangles;
    gl.bindVertexArray(this.all.array); // which holds what is bound here
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.order);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, order, gl.STREAM_DRAW);
  }

  _drawFew(gl, { bytes, count }, mode, line) {
    if (!count) return;
    gl.bindVertexArray(this.few.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.few.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, bytes, gl.STREAM_DRAW);
    gl.uniform1i(this.forms.at.u_line, line);
    gl.drawArrays(mode, 0, count);
  }
}

const MASSES = 20_000;

/** How large small symbols are: by zoom, and smaller where thousands share the view. */
function scaleAt(zoom, count) {
  const masses = Math.max(0, Math.log10(count / MASSES)); // of which no eye tells one from the next: a software renderer pays for each pixel
  const crowd = 0.2 * Math.log10(Math.max(1, count / 1000)) + 0.6 * masses;
  return Math.max(masses ? 0.35 : 0.62, Math.min(1.35, 0.62 + (zoom - 5) * 0.12 - crowd));
}

function linked(gl, fragment) {
  const program = link(gl, fragment);
  const names = ['u_matrix', 'u_centre', 'u_now', 'u_ratio', 'u_scale', 'u_points_max', 'u_colours', 'u_outline', 'u_flash', 'u_line'];
  return { program, at: Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)])) };
}

function link(gl, fragment) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(program));
  return program;
}

function vertexArray(gl) {
  const array = gl.createVertexArray(), buffer = gl.createBuffer();
  gl.bindVertexArray(array);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  for (const [place, width, offset] of [[0, 4, 0], [1, 2, 16], [2, 3, 24]]) {
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, width, gl.FLOAT, false, STRIDE, offset);
  }
  gl.enableVertexAttribArray(3);
  gl.vertexAttribIPointer(3, 4, gl.UNSIGNED_BYTE, STRIDE, 36);
  gl.bindVertexArray(null);
  return { array, buffer };
}

/** matrix * translation(x, y), in float64 before the cast to float32. */
function movedMatrix(m, x, y) {
  const out = new Float32Array(16);
  for (let i = 0; i < 12; i++) out[i] = m[i];
  for (let i = 0; i < 4; i++) out[12 + i] = m[i] * x + m[4 + i] * y + m[12 + i];
  return out;
}
