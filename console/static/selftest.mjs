// The page that looks at itself: graphics, frames, clocks, links, files. May live here: those looks and what to do about each. May not: the watch.

import { html, useEffect, useState } from './html.mjs';
import { open } from './desk.mjs';
import { clean } from './text.mjs';
import { getJson } from './wire.mjs';

const FRAMES = 30;
const FRAME_MS_MAX = 100;
const CLOCK_S_MAX = 2;
const LINK_MS = 5000;
const at = (path) => new URL(path, document.baseURI);

function graphics() {
  const gl = document.createElement('canvas').getContext('webgl2');
  if (!gl) return [false, 'no WebGL2: the watch is a list of vessels instead of a map', 'Allow graphics acceleration in the browser, or bring its driver up to date.'];
  const named = gl.getExtension('WEBGL_debug_renderer_info');
  const [low, high] = gl.getParameter(gl.ALIASED_POINT_SIZE_RANGE);
  return [true, `WebGL2, ${clean(gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER), 120)}; points of ${low} to ${high} px`];
}

async function frames() {
  const begun = performance.now();
  for (let i = 0; i < FRAMES; i++) await new Promise((done) => requestAnimationFrame(done));
  const each = (performance.now() - begun) / FRAMES;
  return [each <= FRAME_MS_MAX, `${each.toFixed(1)} ms a frame of an empty page`, 'This computer is busy, or draws without a graphics card: close what is not needed.'];
}

async function clocks() {
  const asked = Date.now();
  const { wall_ms: wall } = await getJson('healthz');
  if (!wall) return [false, 'the server tells its clock to those only who have logged in', 'Log in, and come back.'];
  const apart = ((asked + Date.now()) / 2 - wall) / 1000;
  return [Math.abs(apart) <= CLOCK_S_MAX, `this computer's clock is ${Math.abs(apart).toFixed(1)} s ${apart < 0 ? 'behind' : 'ahead of'} the server's`, 'Set both by the network (NTP). The page itself goes by the server.'];
}

const within = (what, made) => new Promise((done) => {
  const timer = setTimeout(() => done([false, `${what}: no answer in ${LINK_MS / 1000} s`, 'A proxy between may hold back streams or web sockets: see docs/operations.md.']), LINK_MS);
  made((ok, text) => { clearTimeout(timer); done([ok, `${what}: ${text}`, 'A proxy between may hold back streams or web sockets.']); });
});

const events = () => within('stream of alerts', (done) => {
  const source = new EventSource(at('api/v1/events'));
  source.addEventListener('hello', () => { source.close(); done(true, `works; ${window.SharedWorker ? 'all pages of this browser share one' : 'this browser needs one for each page, at most six'}`); });
});

const frameStream = () => within('stream of vessels', (done) => {
  const url = at('api/v1/vessels');
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(url);
  socket.onmessage = () => { socket.close(); done(true, 'works'); };
});

async function files() {
  const { assets } = await getJson('api/v1/assets');
  if (!crypto.subtle) return [true, `${Object.keys(assets).length} files; not compared: a browser reckons hashes over TLS or on the server itself only`];
  const wrong = [];
  for (const [path, hash] of Object.entries(assets)) {
    const body = await (await fetch(at(`static/${path}`))).arrayBuffer();
    const found = Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', body)), (one) => one.toString(16).padStart(2, '0')).join('');
    if (found !== hash) wrong.push(path);
  }
  return [!wrong.length, wrong.length ? `${wrong.length} of ${Object.keys(assets).length} files are not those of the server: ${wrong.slice(0, 5).join(', ')}` : `${Object.keys(assets).length} files are those of the server`, 'Reload the page without the cache; else something between changes them.'];
}

function store() {
  try { localStorage.setItem('dogwatch.selftest', '1'); localStorage.removeItem('dogwatch.selftest'); } catch { return [false, 'this browser keeps nothing', 'Palette, name, units and keys are forgotten with the page: allow storage for this address.']; }
  return [true, 'palette, name, units and keys are kept'];
}

const LOOKS = { Graphics: graphics, Frames: frames, Clocks: clocks, Alerts: events, Vessels: frameStream, Files: files, Storage: store };

function SelfTest() {
  const [found, set] = useState({});
  useEffect(() => {
    (async () => {
      for (const [name, look] of Object.entries(LOOKS)) {
        let told;
        try { told = await look(); } catch (fault) { told = [false, clean(fault.message, 200), 'Is dogwatch still running?']; }
        set((before) => ({ ...before, [name]: told }));
      }
    })();
  }, []);
  return html`<section class="pad" aria-labelledby="selftest"><h2 id="selftest">Self-test of this browser</h2>
    <table class="tabled"><thead><tr><th>part</th><th>result</th><th>found</th><th>what to do</th></tr></thead><tbody>${Object.keys(LOOKS).map((name) => {
      const [ok, text, remedy] = found[name] ?? [];
      return html`<tr key=${name} data-test=${`look-${name}`}><th scope="row">${name}</th><td>${ok === undefined ? '…' : ok ? 'OK' : html`<b class="bad-word">FAIL</b>`}</td><td>${text ?? ''}</td><td>${ok === false ? remedy : ''}</td></tr>`;
    })}</tbody></table></section>`;
}

export const start = (info, session) => open('selftest', info, SelfTest, session);
