// One alert as a document for the file: everything the screen shows of it, tracks drawn to scale. May live here: that page. May not: actions.

import { html, render } from './html.mjs';
import { Contributions, Facts, Innocent, Observed, Record } from './evidence.mjs';
import { LevelIcon, conditionWord } from './parts.mjs';
import { Lanes, box, features, nameOf, silences } from './replay.mjs';
import { Lines, askSentences, told } from './sentences.mjs';
import { brief, clean, clock, dateTime, duration, period } from './text.mjs';
import { Vessels } from './vessels.mjs';
import { getJson } from './wire.mjs';

const SIZE = 640; // px of the drawing

/** Words beside a point, on the side that has room. */
function Label({ at: [x, y], text }) {
  const left = x > SIZE * 0.7;
  return html`<text x=${left ? x - 10 : x + 10} y=${y + 4} text-anchor=${left ? 'end' : 'start'}>${text}</text>`;
}

/** The tracks on a plane of their own, north up, with a scale bar: no map library, so that every printer gets the same. */
function Chart({ evidence }) {
  const around = box(evidence);
  if (!around) return html`<p>No position is known.</p>`;
  const [[west, south], [east, north]] = around;
  const squeeze = Math.cos((((south + north) / 2) * Math.PI) / 180);
  const span = Math.max((east - west) * squeeze, north - south, 0.02) * 1.15;
  const px = ([lon, lat]) => [SIZE / 2 + ((lon - (west + east) / 2) * squeeze / span) * SIZE, SIZE / 4 - ((lat - (south + north) / 2) / span) * SIZE];
  const path = (line) => line.map((at, i) => `${i ? 'L' : 'M'}${px(at).map((v) => v.toFixed(1)).join(' ')}`).join('');
  const { features: parts } = features({ evidence, now: evidence.to_ms });
  const mile = SIZE / (span * 60);
  const bar = [50, 20, 10, 5, 2, 1, 0.5, 0.2].find((n) => n * mile < SIZE / 3) ?? 0.1;
  return html`<svg class="chart" viewBox=${`0 ${-SIZE / 4} ${SIZE} ${SIZE}`} width=${SIZE} height=${SIZE} role="img" aria-label="Tracks">
    ${parts.map(({ geometry: { type, coordinates }, properties: p }) => (type === 'LineString'
      ? html`<path class=${`line ${p.kind} v${p.vessel % 3}`} d=${path(coordinates)} />`
      : p.kind === 'report' ? html`<circle class=${`dot v${p.vessel % 3}`} cx=${px(coordinates)[0]} cy=${px(coordinates)[1]} r="2" />`
        : html`${p.kind === 'place' ? html`<circle class="line" cx=${px(coordinates)[0]} cy=${px(coordinates)[1]} r="7" />` : null}<${Label} at=${px(coordinates)} text=${p.text} />`))}
    <path class="line" d=${`M20 ${SIZE * 0.72}h${bar * mile}`} /><text x="20" y=${SIZE * 0.72 - 5}>${bar} nm, north up</text>
  </svg>`;
}

function Sheet({ evidence, raw, info }) {
  const { alert } = evidence;
  const { what, place, also } = brief(alert.headline);
  const gaps = evidence.tracks.flatMap((track) => silences(track, evidence.to_ms).map(([a, b]) => `${nameOf(evidence, track.mmsi)}: ${clock(a)} to ${clock(b)}, ${duration((b - a) / 1000)}`));
  return html`<article class="sheet" data-test="sheet">
    <p class="row no-print"><button class="primary" onClick=${() => print()}>Print or save as PDF</button></p>
    ${alert.exercise || info.exercise ? html`<p class="tagline">EXERCISE: simulated data. Do not act on it as real.</p>` : null}
    <h1 class="row"><${LevelIcon} alert=${{ ...alert, ack: true }} /> ${clean([what, place].filter(Boolean).join(', ') + (also ? `; also: ${also}` : ''), 240)}</h1>
    <p>${alert.level}, ${conditionWord(alert)} · ${clean(info.desk ?? 'dogwatch', 60)} · ${period(alert.t_first, alert.t_last)}</p>
    <${Facts} alert=${alert} eventNow=${evidence.last_ms} act=${null} vessels=${new Vessels()} />
    <h4>Tracks, ${dateTime(evidence.from)} to ${clock(evidence.to_ms)}</h4>
    <${Chart} evidence=${evidence} />
    <${Lanes} evidence=${evidence} />
    <p class="small-text">Shaded: the time of the alert. Hatched: no report for 8 min or more. Below: vessels and positions heard meanwhile.</p>
    ${gaps.length ? html`<h4>Silences</h4><ul>${gaps.map((text) => html`<li>${text}</li>`)}</ul>` : null}
    <${Contributions} alert=${alert} />
    ${alert.counterfactual ? html`<h4>What would clear it</h4><p>${clean(alert.counterfactual, 600)}</p>` : null}
    <${Observed} alert=${alert} />
    <${Innocent} alert=${alert} />
    <${Record} alert=${alert} />
    <h4>Raw sentences</h4><p class="small-text">${raw.fault ? `They cannot be shown: ${clean(raw.fault, 200)}.` : told(raw)}</p>
    ${raw.lines?.length ? html`<${Lines} lines=${raw.lines} />` : null}
    ${alert.ack ? html`<p>Acknowledged by <b>${clean(alert.ack.by, 60)}</b> at ${dateTime(alert.ack.at)}, revision ${alert.ack.seen_revision}</p>` : html`<p>Not acknowledged.</p>`}
    <p class="small-text">Approximate, not for navigation or legal use. A person decides. ${clean(alert.alert_id, 40)}, dogwatch ${clean(info.version, 20)}</p>
  </article>`;
}

export async function start(info) {
  document.documentElement.dataset.palette = 'day';
  document.documentElement.classList.add('paper');
  const id = new URLSearchParams(location.search).get('alert') ?? '';
  const evidence = await getJson(`api/v1/alerts/${encodeURIComponent(id)}/evidence`);
  const raw = await askSentences(id).catch((fault) => ({ fault: fault.message }));
  document.title = `${evidence.alert.level} ${clean(evidence.alert.alert_id, 12)} · dogwatch`;
  document.getElementById('app').replaceChildren();
  render(html`<${Sheet} evidence=${evidence} raw=${raw} info=${info} />`, document.getElementById('app'));
}
