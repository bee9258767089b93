// The frame of the pages beside the watch: rules and whatever an analyst works on. May live here: head line, who is at the desk, refusals, the links
// between pages, requests about versions, what their forms share. May not: what a page is about.

import { html, render, useEffect, useState } from './html.mjs';
import { loadDisplay } from './display.mjs';
import { clean, dateTime } from './text.mjs';
import { getJson } from './wire.mjs';

export const PAGES = { rules: 'Rules', zones: 'Zones', analysis: 'Analysis' };
const ROLES = ['analyst', 'supervisor', 'watchstander', 'viewer'];
const POLL_MS = 700;

const remembered = { get: (key) => { try { return localStorage.getItem(key); } catch { return null; } }, set: (key, v) => { try { localStorage.setItem(key, v); } catch { /* private windows */ } } };

/** A field whose text is the writer's until it is left: an answer of the server that comes meanwhile does not take it back. */
export function Typed({ value, onPut, ...more }) {
  const [typed, setTyped] = useState(null);
  return html`<input ...${more} value=${typed ?? value} onInput=${(event) => setTyped(event.target.value)} onChange=${(event) => { onPut(event); setTyped(null); }} onBlur=${() => setTyped(null)} />`;
}

/** Who is at this desk, as the watch page knows it too. */
export const who = { by: remembered.get('dogwatch.operator') ?? '', role: remembered.get('dogwatch.role') ?? 'analyst' };

/** Show a page in the frame. `Body` gets `info`; `session`: who has logged in, where the console has users. */
export function open(view, info, Body, session) {
  loadDisplay();
  if (session?.name) Object.assign(who, { by: clean(session.name, 60), role: clean(session.role, 20) });
  document.documentElement.dataset.palette = new URLSearchParams(location.search).get('palette') ?? remembered.get('dogwatch.palette') ?? 'day';
  document.documentElement.classList.add('desk-page');
  document.title = `${PAGES[view] ?? 'Self-test'} · dogwatch`;
  document.getElementById('app').replaceChildren();
  render(html`<${Frame} view=${view} info=${info} Body=${Body} session=${session} />`, document.getElementById('app'));
}

function Frame({ view, info, Body, session }) {
  const [, redraw] = useState(0);
  const say = (name) => (event) => {
    who[name] = event.target.value.slice(0, 60);
    remembered.set(name === 'by' ? 'dogwatch.operator' : 'dogwatch.role', who[name].trim());
    redraw((n) => n + 1);
  };
  return html`<header>
      <h1>dogwatch</h1>
      <nav aria-label="Pages"><a class="plain" href="./">Watch</a>${Object.entries(PAGES).map(([name, title]) => html`<a class="plain" href=${`?view=${name}`} aria-current=${name === view ? 'page' : null}>${title}</a>`)}</nav>
      <span class="desk">${clean(info.desk ?? '', 120)}</span><span class="grow"></span>
      ${session?.name ? html`<span data-test="who"><b>${who.by}</b>, ${who.role}</span>` : html`<label>Name <input name="by" maxlength="60" autocomplete="off" value=${who.by} onInput=${say('by')} /></label>
      <label>Role <select name="role" value=${who.role} onChange=${say('role')}>${ROLES.map((role) => html`<option value=${role}>${role}</option>`)}</select></label>`}
    </header>
    ${info.exercise ? html`<div class="exercise" role="note"><span>EXERCISE</span><b>Simulated vessels: nothing here is real</b><span>EXERCISE</span></div>` : null}
    <main class="desk-main"><${Body} info=${info} /></main>`;
}

/** A POST about versions; resolves to { status, body } whatever the server says, and to status 0 where it cannot be reached. */
export async function step(kind, name, body, seen) {
  try {
    const answer = await fetch(new URL(`api/v1/versions/${kind}/${name}`, document.baseURI), {
      method: 'POST', headers: { 'Content-Type': 'application/json', 'If-Match': `"${seen}"` }, body: JSON.stringify({ ...who, ...body }),
    });
    return { status: answer.status, body: await answer.json().catch(() => ({})) };
  } catch {
    return { status: 0, body: { error: 'the server cannot be reached', remedy: 'nothing was recorded; try again when the link is back' } };
  }
}

/** Versions of a kind, a draft, its check and its back-test, as one value that a page draws; `act` changes it. */
export function useDraft(kind) {
  const [draft, set] = useState({ text: '', known: null, checked: null, test: null, said: null, busy: '' });
  const edit = (fields) => set((before) => ({ ...before, ...fields }));
  const refused = ({ status, body }) => edit({ busy: '', said: { bad: true, text: `Not done: ${clean(body.error ?? `answer ${status}`, 300)}. ${clean(body.remedy ?? '', 200)}` } });
  const load = async (keep) => {
    try {
      const known = await getJson(`api/v1/versions/${kind}`);
      set((before) => ({ ...before, known, text: keep && before.known ? before.text : known.text, checked: keep ? before.checked : known }));
    } catch (fault) {
      edit({ said: { bad: true, text: clean(fault.message, 300) } });
    }
  };
  useEffect(() => { load(false); }, []);
  const tested = () => (draft.test?.state === 'done' ? draft.test.test : '');
  const act = {
    write: (text) => edit({ text, checked: null }),
    load,
    say: (said) => edit({ said }),
    async check(text) {
      const answer = await step(kind, 'check', { text }, draft.known.revision);
      if (answer.status === 200) edit({ checked: answer.body, said: null });
      else refused(answer);
      return answer.body;
    },
    /** A check that nobody asked for: it counts only while the text is the same, and says nothing where it cannot be made. */
    async look(text) {
      const { status, body } = await step(kind, 'check', { text, test: tested() }, draft.known.revision);
      if (status === 200) set((before) => (before.text === text ? { ...before, checked: body } : before));
    },
    /** The text with one value changed by the server, which knows its form; unless somebody has typed meanwhile. Resolves to the text that then stands. */
    async put(text, path, value) {
      const answer = await step(kind, 'set', { text, path, value, test: tested() }, draft.known.revision);
      if (answer.status !== 200) { refused(answer); return text; }
      set((before) => (before.text === text ? { ...before, text: answer.body.text, checked: answer.body, said: null } : before));
      return answer.body.text;
    },
    async test(text) {
      edit({ busy: 'test', said: null, test: null });
      const answer = await step(kind, 'test', { text }, draft.known.revision);
      if (answer.status !== 200) return refused(answer);
      const { test } = answer.body;
      for (;;) {
        try {
          const found = await getJson(`api/v1/versions/${kind}/tests/${test}`);
          edit({ test: { ...found, text } });
          if (found.state !== 'running') return edit({ busy: '' });
        } catch (fault) {
          return edit({ busy: '', said: { bad: true, text: clean(fault.message, 300) } });
        }
        await new Promise((done) => setTimeout(done, POLL_MS));
      }
    },
    cancel: () => step(kind, 'cancel', { test: draft.test?.test }, draft.known.revision),
    async show(number) {
      const { text } = await getJson(`api/v1/versions/${kind}/texts/${number}`);
      edit({ text, checked: null, said: { text: `The text of version ${number} is in the editor.` } });
      return text;
    },
    async recall(version) {
      try { edit({ test: await getJson(`api/v1/versions/${kind}/tests/${version.test}`) }); } catch (fault) { edit({ said: { bad: true, text: clean(fault.message, 300) } }); }
    },
    async decide(name, body, done) {
      edit({ busy: name });
      const answer = await step(kind, name, body, draft.known.revision);
      if (answer.status !== 200) { refused(answer); if (answer.status === 412) await load(true); return; }
      edit({ busy: '', said: { text: done(answer.body) } });
      await load(true);
    },
  };
  return [draft, act];
}

export const Said = ({ said }) => (said ? html`<p class=${said.bad ? 'said bad-word' : 'said'} role=${said.bad ? 'alert' : 'status'} data-test="said">${said.text}</p>` : null);

export function Faults({ checked, onLine }) {
  if (!checked) return html`<p class="muted" data-test="checked">Not checked since the last change.</p>`;
  if (checked.ok) return html`<p data-test="checked">No faults.${checked.notes.length ? ` ${checked.notes.map((n) => clean(n, 300)).join('; ')}` : ''}</p>`;
  return html`<div data-test="checked"><p class="bad-word">${checked.faults.length} fault${checked.faults.length > 1 ? 's' : ''}</p><ul class="faults">${checked.faults.map((f) => html`<li>
    ${f.line ? html`<button class="small" onClick=${() => onLine(f.line)}>line ${f.line}</button> ` : null}${f.key ? html`<b>${clean(f.key, 100)}</b>: ` : null}${clean(f.what, 600)}. ${clean(f.remedy, 300)}</li>`)}</ul></div>`;
}

export function Reason({ label, action, disabled, onReason, test }) {
  const submit = (event) => {
    event.preventDefault();
    const reason = event.target.elements.reason.value.trim();
    if (reason && who.by.trim()) onReason(reason);
    else event.target.elements.reason.setCustomValidity(reason ? 'Say your name at the top first' : 'Say why');
    event.target.reportValidity();
  };
  return html`<form class="reason" onSubmit=${submit}><label>${label} <input name="reason" maxlength="300" autocomplete="off" onInput=${(e) => e.target.setCustomValidity('')} /></label> <button class="primary" data-test=${test} disabled=${disabled}>${action}</button></form>`;
}

/** Every version with who did what, when; and what may be done to it. */
export function VersionList({ draft, act }) {
  const [asked, ask] = useState(null);
  const { known } = draft;
  const done = { activate: (v) => `Version ${v.number} is in force from the next start on.`, withdraw: (v) => `Version ${v.number} is withdrawn.` };
  const decide = (reason) => { act.decide(asked.name, { number: asked.number, reason }, done[asked.name]); ask(null); };
  const button = (name, number, label) => html`<button class="small" data-test=${`${name}-${number}`} onClick=${() => ask({ name, number, label })}>${label}…</button> `;
  return html`<section aria-labelledby="versions"><h2 id="versions">Versions</h2>
    ${known.running_is_active ? null : html`<p class="said" data-test="waits"><b>What is in force starts to count when dogwatch is started again.</b> Until then this run decides with ${clean(known.running, 12)}.</p>`}
    ${asked ? html`<${Reason} label=${`Why ${asked.label.toLowerCase()} (version ${asked.number})?`} action=${asked.label} onReason=${decide} test="decide" />` : null}
    <table class="tabled"><thead><tr><th>version</th><th>state</th><th>text</th><th>who, when, why</th><th>to do</th></tr></thead>
    <tbody>${known.versions.map((v) => html`<tr data-test=${`version-${v.number}`}>
      <td class="num">${v.number}</td><td class="state">${v.state === 'active' ? html`<b>in force</b>` : v.state}</td><td><code title=${v.hash}>${v.hash.slice(0, 12)}</code></td>
      <td>${v.number ? v.acts.map((a) => html`<div>${a.action} by <b>${clean(a.by, 60)}</b> (${clean(a.role, 20)}), ${dateTime(new Date(a.wall_ms).toISOString())}: ${clean(a.reason, 300)}</div>`) : 'what the configuration names'}</td>
      <td><button class="small" onClick=${() => act.show(v.number)}>into the editor</button> ${v.test ? html`<button class="small" onClick=${() => act.recall(v)}>its back-test</button> ` : null}
        ${v.state === 'proposed' ? html`${button('activate', v.number, 'Activate')}${button('withdraw', v.number, 'Withdraw')}` : null}
        ${['former', 'configured'].includes(v.state) ? button('activate', v.number, 'Roll back to it') : null}</td></tr>`)}</tbody></table></section>`;
}

const figure = (v, digits = 1) => (v === null || v === undefined ? '–' : Number(v).toFixed(digits));

/** A back-test: how far it is, then what would be added, lost and changed. `onPlace` shows one on the map. */
export function BackTest({ draft, act, onPlace }) {
  const { test } = draft;
  if (!test) return html`<p class="muted">No back-test of this text yet. Nothing can be proposed without one.</p>`;
  if (test.state === 'running') return html`<div class="row" role="status" data-test="running"><progress max="1" value=${test.share} aria-label="Back-test"></progress><span class="num">${Math.round(100 * test.share)} %</span><span>${test.event_time ? `at ${clean(test.event_time, 30)}` : 'reading'}</span><button data-test="cancel" onClick=${act.cancel}>Cancel</button></div>`;
  if (test.state !== 'done') return html`<p class="bad-word" data-test="test-over">The back-test ${test.state === 'cancelled' ? 'was cancelled' : 'failed'}: ${clean(test.what ?? '', 400)}</p>`;
  const { now, before, data, counts } = test;
  const row = (name, a, b) => html`<tr><th scope="row">${name}</th><td class="num">${a}</td><td class="num">${b}</td></tr>`;
  const marks = { added: '+', lost: '−', changed: '~' };
  return html`<div data-test="test-over">
    <p>${data.exercise ? html`<b>EXERCISE. </b>` : null}${data.files.map((f) => clean(f.name, 80)).join(', ')}: ${figure(data.hours)} h, ${data.positions.toLocaleString('en')} positions of ${data.vessels.toLocaleString('en')} vessels${data.minutes_silent ? `, ${data.minutes_silent} min silent` : ''}. ${data.coverage_known ? '' : 'Reception was learned from these data.'}</p>
    <table class="tabled"><thead><tr><th></th><th>as it would be</th><th>in force</th></tr></thead><tbody>
      ${row('alerts', now.alerts, before.alerts)}${row('alerts an operator-hour', figure(now.per_operator_hour), figure(before.per_operator_hour))}${row('budget', figure(now.budget_per_operator_hour), figure(before.budget_per_operator_hour))}${row('most in ten minutes', now.window_max, before.window_max)}${row('precision', now.judged ? `${figure(now.precision, 2)} (${now.right}/${now.judged})` : '–', before.judged ? `${figure(before.precision, 2)} (${before.right}/${before.judged})` : '–')}
    </tbody></table>
    <p data-test="counts"><b>${counts.added} added, ${counts.lost} lost, ${counts.changed} changed</b> <a href=${`api/v1/versions/${test.kind}/tests/${test.test}/report`} download="backtest.html">whole report</a></p>
    ${test.changes.length ? html`<table class="tabled changes"><thead><tr><th></th><th>alert</th><th>vessels</th><th>from</th><th>map</th></tr></thead><tbody>
      ${test.changes.map((c, i) => html`<tr class=${c.kind}><td><span aria-hidden="true">${marks[c.kind]}</span> ${c.kind}</td><td>${clean(c.headline, 200)}${c.text ? html` <span class="muted">${clean(c.text, 200)}</span>` : null}</td><td class="num">${c.mmsi.join(', ')}</td><td class="num">${dateTime(c.t_first)}</td><td>${c.lat === null ? '–' : html`<button class="small" onClick=${() => onPlace(i)}>show</button>`}</td></tr>`)}
    </tbody></table>` : html`<p>The same alerts come up either way.</p>`}
  </div>`;
}

/** The changes of a back-test as GeoJSON: a point each, and the tracks of the first ones. */
export function changesGeoJson(test) {
  const features = (test?.changes ?? []).flatMap((c, i) => [
    ...c.tracks.map((track) => ({ type: 'Feature', properties: { kind: c.kind, i }, geometry: { type: 'LineString', coordinates: track } })),
    ...(c.lat === null ? [] : [{ type: 'Feature', properties: { kind: c.kind, i }, geometry: { type: 'Point', coordinates: [c.lon, c.lat] } }]),
  ]);
  return { type: 'FeatureCollection', features };
}
