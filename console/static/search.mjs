// Finding a vessel: the dialog behind '/'. May live here: asking, the list of what was found. May not: which match is closer (the
// server says it), the dossier (dossier.mjs).

import { html, useEffect, useRef, useState } from './html.mjs';
import { change } from './store.mjs';
import { clean } from './text.mjs';
import { getJson } from './wire.mjs';

const WAIT_MS = 50; // who types fast asks once

export function SearchDialog({ onFound }) {
  const box = useRef(null), asked = useRef(0), running = useRef(null), list = useRef([]);
  const [at, setAt] = useState(0);
  const [says, setSays] = useState('');
  useEffect(() => {
    box.current?.showModal();
  }, []);
  const show = (vessels, words) => {
    list.current = vessels;
    setAt(0);
    setSays(words);
  };
  const ask = async (text) => {
    const mine = ++asked.current;
    await new Promise((done) => setTimeout(done, WAIT_MS));
    if (mine !== asked.current) return;
    if (text.trim().length < 2) {
      show([], '');
      return;
    }
    try {
      const { vessels } = await getJson(`api/v1/search?q=${encodeURIComponent(text)}`);
      if (mine === asked.current) show(vessels, vessels.length ? `${vessels.length} found` : 'This console has heard no such vessel.');
    } catch (fault) {
      show([], clean(fault.message, 200));
    }
  };
  const choose = (vessel) => {
    if (!vessel) return;
    box.current.close();
    onFound(vessel.mmsi);
  };
  const submit = async (event) => {
    event.preventDefault();
    await running.current; // Enter may come before the answer
    choose(list.current[Math.min(at, list.current.length - 1)]);
  };
  const move = (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    setAt(Math.max(0, Math.min(list.current.length - 1, at + by)));
  };
  return html`<dialog class="search" ref=${box} onClose=${() => change({ searching: false })} aria-labelledby="find">
    <form onSubmit=${submit}>
      <h2 id="find">Find a vessel</h2>
      <input name="q" maxlength="40" autocomplete="off" spellcheck="false" autofocus placeholder="name, MMSI, IMO number or call sign" aria-labelledby="find" role="combobox" aria-expanded="true" aria-controls="found"
        aria-activedescendant=${list.current.length ? `found-${at}` : ''} onInput=${(event) => { running.current = ask(event.target.value); }} onKeyDown=${move} />
      <ul id="found" role="listbox" aria-label="Vessels found">${list.current.map((v, i) => html`<li key=${v.mmsi} id=${`found-${i}`} role="option" aria-selected=${i === at} onClick=${() => choose(v)}>
        <b>${clean(v.name || 'name not received', 34)}</b> <span class="num">${v.mmsi}${v.imo ? ` · IMO ${v.imo}` : ''}${v.callsign ? ` · ${clean(v.callsign, 8)}` : ''}</span>${v.on_map ? null : html` <span class="muted">not on the map</span>`}</li>`)}</ul>
      <p class="muted" role="status">${says || 'Two characters or more. Enter opens the dossier.'}</p>
    </form>
  </dialog>`;
}
