// What a person chose to read: local time or UTC, units. May live here: keeping it in this browser, the fields that choose it. May not: formatting (text.mjs).

import { html } from './html.mjs';
import { change } from './store.mjs';
import { UNITS, choose } from './text.mjs';

const KEY = 'dogwatch.units';
const LABELS = { time: 'Times in', distance: 'Distances in', speed: 'Speeds in' };

/** Take what was chosen in this browser. Called once by each page. */
export function loadDisplay() {
  try { choose(JSON.parse(localStorage.getItem(KEY) ?? '{}')); } catch { /* private windows, or words of somebody else */ }
}

function keep(fields) {
  const all = choose(fields);
  try { localStorage.setItem(KEY, JSON.stringify(all)); } catch { /* private windows */ }
  change();
}

/** Three fields; what they change is seen at once behind the dialog. */
export function DisplayFields() {
  const now = choose();
  return html`<fieldset class="display"><legend>Time and units in this browser</legend>
    ${Object.entries(UNITS).map(([name, values]) => html`<label>${LABELS[name]} <select name=${`unit-${name}`} onChange=${(event) => keep({ [name]: event.target.value })}>${Object.entries(values).map(([value, text]) => html`<option value=${value} selected=${value === now[name]}>${text}</option>`)}</select></label>`)}
    <p class="muted">Headlines and explanations stay as they were published: in UTC, knots and nautical miles. Files are in UTC.</p></fieldset>`;
}
