// The page for rules: the profile in force, what it says, a draft of it, its back-test and its versions. May live here: that page.
// May not: what a rule means or would tell; the server says both.

import { html, useEffect, useRef, useState } from './html.mjs';
import { changeLayers, openChart } from './chart.mjs';
import { BackTest, Faults, Reason, Said, VersionList, changesGeoJson, open, useDraft } from './desk.mjs';
import { RuleForm } from './rule_form.mjs';
import { clean } from './text.mjs';
import { getJson } from './wire.mjs';

const PAUSE_MS = 400; // whoever stops typing so long wants to know

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
  const fields = useFields(draft, act);
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
      <div class="both"><textarea ref=${area} name="text" aria-label="Rules as TOML" spellcheck=${false} wrap="off" value=${text} onInput=${(e) => act.write(e.target.value)}></textarea>
        ${fields ? html`<${RuleForm} ...${fields} />` : html`<p class="muted">The fields are not there yet.</p>`}</div>
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

/** What the form beside the text needs: the values of the text as it last could be read, and the way to change one. Null until there are any. */
function useFields(draft, act) {
  const [schema, setSchema] = useState(null);
  const plain = useRef(null), latest = useRef(draft), line = useRef({ run: null, jobs: [] });
  const { known, text, checked, test } = draft;
  latest.current = draft;
  if (checked?.plain) plain.current = checked.plain;
  useEffect(() => { if (known && !schema) getJson('api/v1/versions/rules/schema').then(setSchema).catch(() => setSchema(null)); }, [known]);
  useEffect(() => {
    if (!known || (checked && (checked.swept || test?.state !== 'done'))) return undefined;
    const timer = setTimeout(() => act.look(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, checked, Boolean(known), test?.state]);
  const work = async () => {
    let stands = latest.current.text;
    for (let job; (job = line.current.jobs.shift());) stands = await act.put(stands, job.path, job.value);
    line.current.run = null;
  };
  const onSet = (path, value) => { // one after the other, so that none undoes another
    const same = line.current.jobs.find((job) => job.path.join() === path.join());
    if (same) same.value = value;
    else line.current.jobs.push({ path, value });
    line.current.run ??= work();
    return line.current.run;
  };
  return schema && plain.current ? { schema, plain: plain.current, faults: checked?.faults ?? [], swept: checked?.swept, locked: !checked?.plain, onSet } : null;
}

const places = (test) => (test?.changes ?? []).filter((c) => c.lat !== null).map((c) => [c.lon, c.lat]);

export const start = (info, session) => open('rules', info, Rules, session);
