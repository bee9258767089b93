// The evidence panel, right: who, what, where, when, why, and what speaks against it. May live here: the words and tables of one
// alert. May not: any judgement of our own; every number shown was published with the alert.

import { html } from './vendor/htm-preact.mjs';
import { LevelIcon, conditionWord, who } from './parts.mjs';
import { change, linked, state } from './store.mjs';
import { clean, dateTime, duration, points, position, value, words } from './text.mjs';

export function Evidence({ eventNow, act }) {
  const alert = state.alerts.get(state.selected);
  if (!alert) return html`<aside class="evidence" aria-label="Evidence"><div class="empty"><p><b>No alert selected.</b></p><p class="muted"><kbd>J</kbd> <kbd>K</kbd> move in the queue, <kbd>?</kbd> lists the keys.</p></div></aside>`;
  return html`<aside class=${`evidence ${alert.condition}`} aria-label="Evidence" data-alert=${alert.alert_id}>
    <div class="panel-head"><${LevelIcon} alert=${alert} /><h2>${alert.level}</h2><span class="muted">${conditionWord(alert)}</span><span class="grow"></span>
      <button class="plain" onClick=${act.close} aria-label="Close the evidence (Esc)">✕</button></div>
    <div class="scroll pad">
      ${alert.exercise ? html`<p class="tagline">EXERCISE: simulated vessels</p>` : null}
      <h3 class="headline">${clean(alert.headline, 200)}</h3>
      ${alert.condition === 'retracted' ? html`<p class="note">Retracted: later data took the ground from under this alert.${alert.reason ? ` ${words(alert.reason)}.` : ''} Its score no longer counts.</p>` : null}
      <p>${clean(alert.explanation, 1200)}</p>
      <${Facts} alert=${alert} eventNow=${eventNow} act=${act} />
      <${Contributions} alert=${alert} />
      <${Innocent} alert=${alert} />
      ${alert.counterfactual ? html`<h4>What would clear it</h4><p>${clean(alert.counterfactual, 600)}</p>` : null}
      <${Quality} alert=${alert} />
    </div>
    <${AckBar} alert=${alert} act=${act} />
  </aside>`;
}

function Facts({ alert, eventNow, act }) {
  const where = position(alert.lat, alert.lon);
  const lasted = (Date.parse(alert.t_last) - Date.parse(alert.t_first)) / 1000;
  const vessel = (s) => [clean(s.name ?? '', 30), s.mmsi, s.callsign ? `call sign ${clean(s.callsign, 10)}` : '', s.imo ? `IMO ${s.imo}` : '', s.loa_m ? `${s.loa_m} m` : '', s.ais_class ? `class ${clean(s.ais_class, 3)}` : '', s.role ? words(s.role) : '']
    .filter(Boolean).join(' · ');
  return html`<dl class="facts">
    <dt>Who</dt><dd>${alert.subjects.length ? alert.subjects.map((s) => html`<div>${vessel(s)}</div>`) : who(alert)}</dd>
    <dt>Where</dt><dd>${where.minutes} <span class="muted">${where.degrees}</span> <button class="small" onClick=${() => act.zoom(alert)}>show <kbd>Z</kbd></button></dd>
    <dt>When</dt><dd>${dateTime(alert.t_first)} to ${dateTime(alert.t_last)} <span class="muted">(${duration(lasted)}; last ${duration((eventNow - Date.parse(alert.t_last)) / 1000)} ago)</span></dd>
  </dl>`;
}

function Contributions({ alert }) {
  if (!alert.contributions.length) return null;
  const sum = alert.contributions.reduce((total, c) => total + c.points, 0);
  const most = Math.max(1, ...alert.contributions.map((c) => Math.abs(c.points)));
  return html`<h4>Why: observed against threshold</h4>
    <table class="why">
      <thead><tr><th>Condition</th><th class="n">Observed</th><th class="n">Threshold</th><th class="n">Points</th></tr></thead>
      ${alert.contributions.map((c) => html`<tbody>
        <tr><th scope="row">${words(c.name)}</th><td class="n num">${value(c.observed)}</td><td class="n num">${value(c.threshold)}</td>
          <td class="n num points"><${Bar} points=${c.points} most=${most} />${points(c.points)}</td></tr>
        ${c.text ? html`<tr class="text"><td colspan="4" class="muted">${clean(c.text, 200)}</td></tr>` : null}
      </tbody>`)}
      <tfoot><tr><th scope="row" colspan="3">Sum${sum === alert.score_milli ? '' : ' (does not match the published score!)'}${alert.kind === 'risk' ? html` → <b>risk ${Math.round(alert.score)} of 100</b>` : null}</th>
        <td class=${`n num ${sum === alert.score_milli ? '' : 'wrong'}`} data-test="sum">${points(sum)}</td></tr></tfoot>
    </table>`;
}

/** A bar from the middle: right raises the risk, left lowers it. */
function Bar({ points: milli, most }) {
  const width = (Math.abs(milli) / most) * 30;
  return html`<svg class="sum" width="62" height="10" viewBox="0 0 62 10" aria-hidden="true"><path class="axis" d="M31 0v10" /><rect class=${milli < 0 ? 'minus' : 'plus'} x=${milli < 0 ? 31 - width : 31} y="2" width=${Math.max(0.5, width)} height="6" /></svg>`;
}

function Innocent({ alert }) {
  return html`<h4>Innocent explanations tested</h4>
    ${alert.innocent.length ? html`<ul>${alert.innocent.map((text) => html`<li>${clean(text, 300)}</li>`)}</ul>` : html`<p class="muted">None is recorded with this alert.</p>`}`;
}

function Quality({ alert }) {
  const missing = [alert.lat === null ? 'no position' : '', alert.subjects.some((s) => !s.name) ? 'name not received yet' : ''].filter(Boolean);
  return html`<h4>Data and record</h4><dl class="facts small-text">
    <dt>Quality</dt><dd>${missing.length ? missing.join(', ') : 'position and identity received'}${alert.reason ? `; ${words(alert.reason)}` : ''}</dd>
    <dt>Profile</dt><dd>${clean(alert.profile, 60)} <span class="muted num">${clean(alert.profile_hash, 12)}</span></dd>
    <dt>Record</dt><dd class="num">${clean(alert.alert_id, 12)} · revision ${alert.revision} · ${alert.event_ids.length} event${alert.event_ids.length === 1 ? '' : 's'}</dd>
  </dl>`;
}

function AckBar({ alert, act }) {
  const notice = state.notice && state.notice.id === alert.alert_id ? html`<p class=${`notice ${state.notice.kind}`} role="status">${state.notice.text} <button class="small" onClick=${() => change({ notice: null })}>ok</button></p>` : null;
  return html`<footer class="actions">${notice}
    ${alert.ack
      ? html`<p class="by" data-test="acked">✓ Acknowledged by <b>${clean(alert.ack.by, 60)}</b> at ${dateTime(alert.ack.at)}, revision ${alert.ack.seen_revision}</p>`
      : html`<button class="primary wide" data-test="ack" disabled=${!linked() || state.sending === alert.alert_id} onClick=${() => act.acknowledge(alert.alert_id)}>
          ${state.sending === alert.alert_id ? 'Recording…' : linked() ? 'Acknowledge' : 'No link: cannot acknowledge'} <kbd>A</kbd></button>`}
  </footer>`;
}
