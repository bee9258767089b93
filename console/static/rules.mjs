// The page for rules: the profile in force, what it says, a draft of it, its back-test and its versions. May live here: that page.
// May not: what a rule means or would tell; the server says both.

import { html, useEffect, useRef } from './vendor/htm-preact.mjs';
import { changeLayers, openChart } from './chart.mjs';
import { BackTest, Faults, Reason, Said, VersionList, changesGeoJson, open, useDraft } from './desk.mjs';
import { clean } from './text.mjs';

function Rules({ info }) {
  const [draft, act] = useDraft('rules');
  const [box, chart, area] = [useRef(null), useRef(null), useRef(null)];
  const { known, text, checked, test, busy } = draft;
  useEffect(() => {
    if (!known || chart.current) return;
    chart.current = openChart(box.current, info, ['changes'], changeLayers);
    window.dogwatch = { chart: chart.current };
  }, [known]);
  useEffect(() => { chart.current?.then?.((map) => map?.set('changes', changesGeoJson(test)).then(() => map.fit(places(test)))); }, [test?.state, test?.test]);
  if (!known) return html`<section class="pad"><${Said} said=${draft.said ?? { text: 'The rules are being read…' }} /></section>`;
  const changed = text !== known.text;
  const tested = test?.state === 'done' && test.text === text;
  const toLine = (line) => {
    const before = text.split('\n').slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0);
    area.current.focus();
    area.current.setSelectionRange(before, before + (text.split('\n')[line - 1] ?? '').length);
    area.current.scrollTop = Math.max(0, (line - 4) * (area.current.scrollHeight / text.split('\n').length));
  };
  const show = async (i) => { const map = await chart.current; const c = test.changes[i]; map?.fit([[c.lon, c.lat], ...c.tracks.flat()]); box.current.scrollIntoView({ block: 'nearest' }); };
  return html`<div class="workshop">
    <section aria-labelledby="draft"><h2 id="draft">Profile</h2>
      <p class="muted">In force: version ${known.active}. ${changed ? 'You are changing a copy; nothing counts before somebody else activates it.' : 'Change it here: the copy is yours until you propose it.'}</p>
      <textarea ref=${area} name="text" aria-label="Rules as TOML" spellcheck=${false} wrap="off" value=${text} onInput=${(e) => act.write(e.target.value)}></textarea>
      <div class="row"><button data-test="check" disabled=${Boolean(busy)} onClick=${() => act.check(text)}>Check</button>
        <button data-test="test" disabled=${Boolean(busy) || !changed || !known.recordings.length} onClick=${() => act.test(text)}>Back-test on ${known.recordings.length ? known.recordings.map((r) => clean(r, 60)).join(', ') : 'nothing'}</button>
        <button disabled=${!changed} onClick=${() => act.write(known.text)}>Back to what is in force</button></div>
      ${known.recordings.length ? null : html`<p class="bad-word">No recorded day is configured, so nothing can be tried or activated: name one under [backtest] in the configuration.</p>`}
      <${Said} said=${draft.said} />
      <${Faults} checked=${checked} onLine=${toLine} />
      ${tested ? html`<${Reason} label="Why should it count?" action="Propose it" test="propose" disabled=${Boolean(busy)} onReason=${(reason) => act.decide('propose', { text, test: test.test, reason }, (v) => `Proposed as version ${v.number}. Another analyst or supervisor activates it.`)} />` : null}
    </section>
    <section aria-labelledby="effect"><h2 id="effect">What would change</h2><${BackTest} draft=${draft} act=${act} onPlace=${show} /><div class="sea-chart" ref=${box} aria-label="Map of the changes"></div></section>
    <${VersionList} draft=${draft} act=${act} />
    <section aria-labelledby="says"><h2 id="says">What it says</h2>${checked?.ok ? html`<div data-test="explained">${checked.explained.map((line) => html`<p>${clean(line, 1000)}</p>`)}</div>` : html`<p class="muted">Check it first.</p>`}</section>
  </div>`;
}

const places = (test) => (test?.changes ?? []).filter((c) => c.lat !== null).map((c) => [c.lon, c.lat]);

export const start = (info, session) => open('rules', info, Rules, session);
