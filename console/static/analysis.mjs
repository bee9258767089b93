// The analyst's page: what came up, what people found, which rules cry wolf, how old the data are. May live here: that page. May not: counting.

import { html, useEffect, useState } from './vendor/htm-preact.mjs';
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
  return html`<svg viewBox=${`0 0 ${bars.length * 10} 60`} width="100%" height="90" preserveAspectRatio="none" role="img" aria-label=${`Alerts over time, at most ${top} in a bar`} fill="var(--focus)">
    ${bars.map((b, i) => html`<rect x=${i * 10 + 1} width="8" y=${60 - (58 * b.alerts) / top} height=${(58 * b.alerts) / top}><title>${dateTime(b.from)}: ${b.alerts}</title></rect>`)}</svg>`;
}

function Analysis() {
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
    <section><h2>Data age</h2><table class="tabled"><thead><tr><th>source</th><th>state</th><th>newest heartbeat</th><th>age</th></tr></thead><tbody>${found.sources.map((s) => html`<tr><th scope="row">${clean(s.source, 60)}</th><td>${clean(s.state ?? '–', 20)}</td><td class="num">${dateTime(s.heartbeat)}</td><td class="num">${s.age_s === null ? '–' : duration(s.age_s)}</td></tr>`)}</tbody></table></section>
    <${Shares} title="Rules" rows=${found.rules} none="No alert in this time." test="rules" />
    <${Shares} title="Noisy rules" rows=${found.noisy} none="No rule was found wrong three times and more often than right." test="noisy" />
    <${Shares} title="Zones" rows=${found.zones} none="No alert of this time that is still on the board lies in a zone." test="zones" />
    <${Shares} title="Flags (first digits of the MMSI)" rows=${found.flags} none="No alert in this time." test="flags" />
  </div>`;
}

export const start = (info) => open('analysis', info, Analysis);
