// The analyst's page: what came up, what people found, which rules cry wolf, how old the data are. May live here: that page. May not: counting.

import { html, useEffect, useRef, useState } from './html.mjs';
import { openChart } from './chart.mjs';
import { Said, open } from './desk.mjs';
import { clean, dateTime, duration, words } from './text.mjs';
import { getJson } from './wire.mjs';

const HOURS = [8, 24, 168, 720];
const part = (v) => (v === null ? '–' : `${Math.round(100 * v)} %`);

function Shares({ title, rows, none, test }) {
  return html`<section><h2>${title}</h2>${rows.length ? html`<table class="tabled" data-test=${test}><thead><tr><th>name</th><th>alerts</th><th>right</th><th>wrong</th><th>duplicates</th><th>open</th><th>precision (95 %)</th></tr></thead><tbody>
    ${rows.map((r) => html`<tr><th scope="row">${clean(r.name, 80)}</th><td class="num">${r.alerts}</td><td class="num">${r.right}</td><td class="num">${r.wrong}</td><td class="num">${r.duplicates}</td><td class="num">${r.open}</td><td class="num">${part(r.precision)}${r.precision === null ? '' : ` (${part(r.precision_low)} to ${part(r.precision_high)})`}</td></tr>`)}
  </tbody></table>` : html`<p class="muted">${none}</p>`}</section>`;
}

function Bars({ bars }) {
  const top = Math.max(1, ...bars.map((b) => b.alerts));
  return html`<svg viewBox=${`0 0 ${bars.length * 10} 60`} width="100%" height="90" preserveAspectRatio="none" class="bars-over-time" role="img" aria-label=${`Alerts over time, at most ${top} in a bar`} fill="var(--focus)">
    ${bars.map((b, i) => html`<rect x=${i * 10 + 1} width="8" y=${60 - (58 * b.alerts) / top} height=${(58 * b.alerts) / top}><title>${dateTime(b.from)}: ${b.alerts}</title></rect>`)}</svg>
    <p class="row muted small-text"><span>${dateTime(bars[0]?.from)}</span><span class="grow"></span><span>the highest bar: ${top} ${top === 1 ? 'alert' : 'alerts'}</span><span class="grow"></span><span>${dateTime(bars.at(-1)?.from)}</span></p>`;
}

const shade = (kind) => (t) => [{
  id: 'cells', type: 'fill', source: 'coverage', filter: ['all', ['get', 'learned'], ['==', ['get', 'ais_class'], kind]],
  paint: { 'fill-color': t('focus'), 'fill-antialias': false, 'fill-opacity': ['interpolate', ['linear'], ['get', 'heard_share'], 0, 0.06, 1, 0.55] },
}];

/** Where the receivers are known to hear: a map, and the same in figures for who sees no map. */
function Coverage({ info }) {
  const [box, [found, set], [kind, setKind]] = [useRef(null), useState({}), useState('A')];
  const chart = useRef(null);
  useEffect(() => {
    if (!info.coverage) return;
    getJson('coverage.geojson').then((cells) => set({ cells: cells.features }), (wrong) => set({ fault: wrong.message }));
  }, []);
  useEffect(() => {
    if (!found.cells || !box.current) return;
    chart.current ??= openChart(box.current, info, ['coverage'], shade(kind));
    chart.current.then(async (map) => {
      if (!map) return;
      await map.set('coverage', { type: 'FeatureCollection', features: found.cells });
      map.map.setFilter('cells', ['all', ['get', 'learned'], ['==', ['get', 'ais_class'], kind]]);
      map.fit(found.cells.filter(of(kind)).flatMap((cell) => cell.geometry.coordinates[0]));
    });
  }, [found.cells, kind]);
  if (!info.coverage) return html`<section><h2>Coverage</h2><p class="muted">This console does not know what the receivers hear: that is known to the console of <code>dogwatch run</code>.</p></section>`;
  if (found.fault) return html`<section><h2>Coverage</h2><p class="note">The coverage could not be read: ${clean(found.fault, 200)}.</p></section>`;
  const learned = (found.cells ?? []).filter(of(kind)), shares = learned.map((cell) => cell.properties.heard_share).sort((a, b) => a - b);
  const weak = shares.filter((share) => share < 0.5).length;
  return html`<section><h2>Coverage</h2>
    <p><label>Class <select name="class" value=${kind} onChange=${(e) => setKind(e.target.value)}><option value="A">A</option><option value="B">B</option></select></label>
      <span data-test="coverage-figures">${found.cells ? (learned.length ? ` ${learned.length} cells learned; of the reports sent in the middle one ${part(shares[Math.floor(shares.length / 2)])} are heard; ${weak} hear less than half.` : ' No cell is learned yet: a silence there says nothing, and raises no alert.') : ' Being read…'}</span></p>
    <div class="sea-chart" ref=${box} aria-label="Map of the coverage: the darker, the more is heard; no shade: not known"></div></section>`;
}

const of = (kind) => ({ properties: p }) => p.learned && p.ais_class === kind;

function Analysis({ info }) {
  const [hours, setHours] = useState(24);
  const [{ found, fault }, set] = useState({});
  useEffect(() => { getJson(`api/v1/analysis?hours=${hours}`).then((answer) => set({ found: answer }), (wrong) => set({ fault: wrong.message })); }, [hours]);
  if (fault) return html`<section class="pad"><${Said} said=${{ bad: true, text: clean(fault, 300) }} /></section>`;
  if (!found) return html`<section class="pad"><p role="status">The figures are being counted…</p></section>`;
  const counts = (of) => Object.entries(of).map(([name, n]) => `${n} ${words(name)}`).join(', ') || 'none';
  return html`<div class="workshop">
    <section><h2>${found.exercise ? 'EXERCISE: alerts' : 'Alerts'} over time</h2>
      <p><label>Last <select name="hours" value=${hours} onChange=${(e) => setHours(Number(e.target.value))}>${HOURS.map((h) => html`<option value=${h}>${h < 48 ? `${h} h` : `${h / 24} days`}</option>`)}</select></label> of event time, ${dateTime(found.since)} to ${dateTime(found.until)}. <a href=${`api/v1/analysis.csv?hours=${hours}`} download>CSV</a></p>
      <p data-test="total"><b>${found.alerts} alerts</b>: ${counts(found.levels)}. People found: ${counts(found.dispositions)}.</p>
      <${Bars} bars=${found.over_time} /></section>
    <${Shares} title="Rules" rows=${found.rules} none="No alert in this time." test="rules" />
    <${Shares} title="Noisy rules" rows=${found.noisy} none="No rule was found wrong three times and more often than right." test="noisy" />
    <${Shares} title="Zones" rows=${found.zones} none="No alert of this time that is still on the board lies in a zone." test="zones" />
    <${Shares} title="Flags (first digits of the MMSI)" rows=${found.flags} none="No alert in this time." test="flags" />
    <section><h2>Data age</h2>${found.sources.length ? html`<table class="tabled" data-test="ages"><thead><tr><th>source</th><th>state</th><th>newest heartbeat</th><th>age</th></tr></thead><tbody>${found.sources.map((s) => html`<tr><th scope="row">${clean(s.source, 60)}</th><td>${clean(s.state ?? '–', 20)}</td><td class="num">${dateTime(s.heartbeat)}</td><td class="num">${s.age_s === null ? '–' : duration(s.age_s)}</td></tr>`)}</tbody></table>` : html`<p class="muted">No source is known to this console.</p>`}</section>
    <${Coverage} info=${info} />
  </div>`;
}

export const start = (info, session) => open('analysis', info, Analysis, session);
