// The raw sentences behind an alert, as the receivers sent them. May live here: asking for them, their list. May not: decoding, judgement.
// They come from the air: text nodes only, and the server has made them printable.

import { html, useEffect, useState } from './html.mjs';
import { clean, clock } from './text.mjs';
import { getJson } from './wire.mjs';

export const askSentences = (id) => getJson(`api/v1/alerts/${encodeURIComponent(id)}/sentences`);

/** How many there are, and where the memory begins, in words. */
export function told({ total, lines, known_from_ms: known }) {
  if (!total) return known === null ? 'This console has heard no raw sentences. Behind a broker they come with raw = true under [kafka] of the configuration.' : `None is kept: this console's memory begins at ${clock(known)}.`;
  return `${total === lines.length ? `${total} sentence${total === 1 ? '' : 's'}` : `${lines.length} of ${total} sentences, those nearest to its beginning and end`}, from 30 min before to 10 min after.`;
}

/** The lines; after `now` (ms, of a replay) they are dimmed. */
export function Lines({ lines, now = Infinity }) {
  return html`<table class="raw"><thead><tr><th>Received</th><th>MMSI</th><th>Sentence</th></tr></thead>
    <tbody>${lines.map((line) => html`<tr class=${line.t_ms > now ? 'later' : ''}>
      <td class="num">${line.t_ms === null ? '–' : clock(line.t_ms)}</td><td class="num">${line.mmsi}<br /><span class="muted">${clean(line.source, 24)}</span></td><td><code>${clean(line.text, 240)}</code></td></tr>`)}</tbody></table>`;
}

/** One click away in the evidence: asked for when it is opened, and again when the alert has changed. */
export function Sentences({ alert, now }) {
  const [open, setOpen] = useState(false);
  const [found, setFound] = useState(null);
  useEffect(() => {
    if (!open) return undefined;
    let wanted = true;
    askSentences(alert.alert_id).then((answer) => wanted && setFound(answer), (fault) => wanted && setFound({ fault: fault.message }));
    return () => { wanted = false; };
  }, [open, alert.alert_id, alert.revision]);
  return html`<details class="sentences" onToggle=${(event) => setOpen(event.currentTarget.open)}><summary data-test="sentences">Raw sentences behind it</summary>
    ${!found ? html`<p class="muted small-text">${open ? 'Looking them up…' : ''}</p>` : found.fault ? html`<p class="small-text">They cannot be shown: ${clean(found.fault, 200)}.</p>` : html`<p class="muted small-text" data-test="sentences-told">${told(found)}</p>
      ${found.lines.length ? html`<div class="raw-box" tabindex="0" role="region" aria-label="Raw sentences"><${Lines} lines=${found.lines} now=${now} /></div>` : null}`}
  </details>`;
}
