// The evidence panel, right: who, what, where, when, why, and what speaks against it. May live here: the words and tables of one
// alert. May not: any judgement of our own; every number shown was published with the alert.

import { html } from './html.mjs';
import { kbd } from './keys.mjs';
import { Normal } from './normal.mjs';
import { OrderBar } from './orders.mjs';
import { LevelIcon, conditionWord, who } from './parts.mjs';
import { Rescuers } from './rescuers.mjs';
import { Sentences } from './sentences.mjs';
import { change, isDistress, linked, state } from './store.mjs';
import { brief, clean, dateTime, duration, paragraphs, period, points, position, reason, words } from './text.mjs';

const ROLE_WORDS = { caller: 'sends the signal' };

/** `then`: the same alert as it was when it came up, where that is asked for; what people decided is as it is now. */
export function Evidence({ eventNow, act, vessels, then }) {
  const now = state.alerts.get(state.selected);
  const alert = then && now?.alert_id === then.alert_id ? then : now;
  if (!alert) return html`<aside class="evidence" aria-label="Evidence"><div class="empty"><p><b>No alert selected.</b></p><p class="muted">${kbd('j')} ${kbd('k')} move in the queue, ${kbd('?')} lists the keys.</p></div></aside>`;
  const { what, place, also } = brief(alert.headline); // its identities stand below, under Who
  return html`<aside class=${`evidence ${alert.condition}`} aria-label="Evidence" data-alert=${alert.alert_id}>
    <div class="panel-head"><${LevelIcon} alert=${alert} /><h2>${alert.level}</h2><span class="muted">${conditionWord(alert)}</span>
      ${alert.exercise ? html`<span class="tagline">EXERCISE</span>` : null}<span class="grow"></span>
      <button class="plain" onClick=${act.close} aria-label="Close the evidence (Esc)">✕</button></div>
    <div class="scroll pad" key=${alert.alert_id}>
      ${alert === then ? html`<p class="note" role="status">As it was published first, revision ${alert.revision}.</p>` : null}
      <h3 class="headline">${clean([what, place].filter(Boolean).join(', ') + (also ? `; also: ${also}` : ''), 240)}</h3>
      ${alert.condition === 'retracted' ? html`<p class="note">Retracted: later data took the ground from under this alert.${alert.reason ? ` ${words(alert.reason)}.` : ''} Its score no longer counts.</p>` : null}
      <${Facts} alert=${alert} eventNow=${eventNow} act=${act} vessels=${vessels} />
      ${isDistress(alert) ? html`<${Rescuers} alert=${alert} vessels=${vessels} />` : null}
      ${alert.kind === 'risk' ? html`<${Normal} alert=${alert} />` : null}
      <${Contributions} alert=${alert} />
      ${alert.counterfactual ? html`<h4>What would clear it</h4><p>${clean(alert.counterfactual, 600)}</p>` : null}
      <${Observed} alert=${alert} />
      <${Innocent} alert=${alert} />
      <${Sentences} alert=${alert} now=${state.replay?.evidence ? state.replay.now : undefined} />
      <${Record} alert=${alert} />
    </div>
    <${AckBar} alert=${now} act=${act} />
  </aside>`;
}

export function Facts({ alert, eventNow, act, vessels }) {
  const { lat, lon, at } = isDistress(alert) ? vessels.latest(alert) : { lat: alert.lat, lon: alert.lon, at: Date.parse(alert.t_last) };
  const where = position(lat, lon);
  const lasted = (at - Date.parse(alert.t_first)) / 1000;
  const details = (s) => [`MMSI ${s.mmsi}`, s.callsign ? `call sign ${clean(s.callsign, 10)}` : '', s.imo ? `IMO ${s.imo}` : '', s.loa_m ? `${s.loa_m} m long` : '', s.ais_class ? `class ${clean(s.ais_class, 3)}` : '', s.role ? ROLE_WORDS[s.role] ?? words(s.role) : '']
    .filter(Boolean).join(' · ');
  return html`<dl class="facts">
    <dt>Who</dt><dd>${alert.subjects.length ? alert.subjects.map((s) => html`<div>${s.name ? html`<b>${clean(s.name, 30)}</b> ` : null}<span class="num">${details(s)}</span></div>`) : who(alert)}</dd>
    <dt>Where</dt><dd class="row"><span class="num">${where.minutes}<br /><span class="muted">${where.degrees}</span></span><span class="grow"></span>${act ? html`<button class="small" onClick=${() => act.zoom(alert)}>show ${kbd('z')}</button>` : null}</dd>
    <dt>When</dt><dd><div class="num">${period(alert.t_first, Number.isFinite(at) ? new Date(at).toISOString() : alert.t_last)} <span class="muted">(${duration(lasted)}; ${isDistress(alert) ? 'last heard' : 'latest data'} ${duration((eventNow - at) / 1000)} ago)</span></div>${act ? html`<button class="small" data-test="replay-open" onClick=${() => act.replay(alert.alert_id)}>replay what happened ${kbd('r')}</button>` : null}</dd>
  </dl>`;
}

export function Contributions({ alert }) {
  if (!alert.contributions.length) return null;
  const sum = alert.contributions.reduce((total, c) => total + c.points, 0);
  let reached = 0;
  const steps = alert.contributions.map((c) => [reached, (reached += c.points)]);
  const scale = [Math.min(0, ...steps.flat()), Math.max(0, ...steps.flat())];
  return html`<h4>Why</h4>
    <table class="why">
      <thead><tr><th>Condition</th><th class="n" colspan="2">Points</th></tr></thead>
      ${alert.contributions.map((c, i) => {
        const { what, observed, threshold, remark } = reason(c);
        return html`<tbody>
        <tr><th scope="row">${clean(what, 90)}</th><td class="bar-cell"><${Step} step=${steps[i]} scale=${scale} /></td><td class="n num points">${points(c.points)}</td></tr>
        ${observed === '–' ? null : html`<tr class="text"><td colspan="3">Observed <b>${clean(observed, 60)}</b>${threshold === '–' ? '' : html`, threshold <b>${clean(threshold, 60)}</b>`}</td></tr>`}
        ${remark ? html`<tr class="text"><td colspan="3" class="muted">${clean(remark, 200)}</td></tr>` : null}
      </tbody>`;
      })}
      <tfoot><tr><th scope="row">Sum${sum === alert.score_milli ? '' : ' (does not match the published score!)'}${alert.kind === 'risk' ? html` → <b>risk ${Math.round(alert.score)} of 100</b>` : null}</th>
        <td class="bar-cell"><${Step} step=${[0, sum]} scale=${scale} /></td><td class=${`n num ${sum === alert.score_milli ? '' : 'wrong'}`} data-test="sum">${points(sum)}</td></tr></tfoot>
    </table>
    ${alert.kind === 'risk' ? html`<p class="muted small-text">Points are log-odds: a sum of 0 would be risk 50 of 100.</p>` : null}`;
}

/** One step of the sum: each bar begins where the one above ended, so that the eye adds up; right raises the risk, left lowers it. */
function Step({ step: [from, to], scale: [low, high] }) {
  const x = (milli) => ((milli - low) / Math.max(1, high - low)) * 60 + 1;
  return html`<svg class="sum" width="62" height="12" viewBox="0 0 62 12" aria-hidden="true"><path class="axis" d=${`M${x(0)} 0v12`} /><rect class=${to < from ? 'minus' : 'plus'} x=${Math.min(x(from), x(to))} y="2" width=${Math.max(1, Math.abs(x(to) - x(from)))} height="8" /></svg>`;
}

/** The explanation as published, its enumerations as lists: the first behaviour open, the further ones one click away. */
export function Observed({ alert }) {
  const groups = [];
  for (const part of paragraphs(alert.explanation)) {
    if (part.facts?.some((f) => f.threshold)) groups.push({ head: part, rest: [] });
    else if (part.facts && groups.at(-1)?.rest) groups.at(-1).rest.push(part);
    else groups.push({ plain: part });
  }
  const first = groups.find((g) => g.head);
  const full = (part) => clean(part.text ?? `${part.label}: ${part.facts.map((f) => f.observed).join('; ')}`, 1200);
  return html`<h4>What was observed</h4>${groups.map((g) => (g.plain
    ? html`<p>${full(g.plain)}</p>`
    : html`<details open=${g === first}><summary>${clean(g.head.label.replace(/ \([^()]*\)$/, ''), 120)}</summary>
        <p class="muted small-text">${clean(g.head.label.match(/\(([^()]*)\)$/)?.[1] ?? '', 160)}</p>
        <table class="why tight"><thead><tr><th>Observed</th><th class="n">Threshold</th></tr></thead><tbody>${g.head.facts.map((f) => html`<tr><th scope="row">${clean(f.observed, 160)}</th><td class="n muted">${clean(f.threshold, 60)}</td></tr>`)}</tbody></table>
        ${g.rest.map((part) => html`<p class="small-text"><span class="muted">${clean(part.label, 80)}:</span> ${clean(part.facts.map((f) => f.observed).join(' · '), 600)}</p>`)}
      </details>`))}`;
}

export function Innocent({ alert }) {
  return html`<h4>Innocent explanations that remain</h4>
    ${alert.innocent.length ? html`<ul>${alert.innocent.map((text) => html`<li>${clean(text, 300)}</li>`)}</ul>` : html`<p class="muted">None is recorded with this alert.</p>`}`;
}

export function Record({ alert }) {
  const missing = [alert.lat === null ? 'no position' : '', alert.kind === 'risk' && alert.subjects.some((s) => !s.name) ? 'name not received yet' : ''].filter(Boolean);
  return html`<h4>Record</h4><dl class="facts small-text">
    ${missing.length || alert.reason ? html`<dt>Missing</dt><dd>${[...missing, alert.reason ? words(alert.reason) : ''].filter(Boolean).join('; ')}</dd>` : null}
    <dt>Profile</dt><dd>${clean(alert.profile, 60)} <span class="muted num">${clean(alert.profile_hash, 12)}</span></dd>
    <dt>Number</dt><dd class="num">${clean(alert.alert_id, 12)} · revision ${alert.revision} · ${alert.event_ids.length} event${alert.event_ids.length === 1 ? '' : 's'}</dd>
  </dl>`;
}

/** Whether anybody is excused by this alert, and the way to end that; who ended it stays in view. */
function RescueBar({ alert }) {
  const end = alert.rescue_end;
  if (end) return html`<p class="by" data-test="rescue-ended">Rescue area ended by <b>${clean(end.by, 60)}</b> (${clean(end.role, 20)}) at ${dateTime(end.at)}: ${clean(end.reason, 300)}</p>`;
  if (!alert.event_ids.some((id) => state.health.rescues?.[id])) return null;
  return html`<button class="wide" data-test="end-rescue" disabled=${!linked()} onClick=${() => change({ ending: alert.alert_id })}>End the rescue area…</button>`;
}

function AckBar({ alert, act }) {
  const notice = state.notice && state.notice.id === alert.alert_id ? html`<p class=${`notice ${state.notice.kind}`} role="status">${state.notice.text} <button class="small" onClick=${() => change({ notice: null })}>ok</button></p>` : null;
  return html`<footer class="actions">${notice}<${RescueBar} alert=${alert} /><${OrderBar} alert=${alert} act=${act} />
    ${alert.ack
      ? html`<p class="by" data-test="acked">✓ Acknowledged by <b>${clean(alert.ack.by, 60)}</b> at ${dateTime(alert.ack.at)}, revision ${alert.ack.seen_revision}</p>`
      : html`<button class="primary wide" data-test="ack" disabled=${!linked() || state.sending === alert.alert_id} onClick=${() => act.acknowledge(alert.alert_id)}>
          ${state.sending === alert.alert_id ? 'Recording…' : linked() ? (alert.condition === 'active' ? 'Acknowledge' : 'Seen: take it off the list') : 'No link: cannot acknowledge'} ${kbd('a')}</button>`}
  </footer>`;
}
