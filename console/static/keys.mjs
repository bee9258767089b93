// Which key does what, as this browser chose. May live here: the list of keys, letters that are remapped or switched off (WCAG 2.1.4), the fields that
// choose them. May not: what an action does (app.mjs).
//
// The page speaks of an action by the letter that it has at first ("a" acknowledges). `meaning` turns what was pressed into that letter; `kbd` shows what to press.

import { html, useState } from './html.mjs';
import { change, state } from './store.mjs';

export const LETTERS = {
  j: 'next alert', k: 'previous alert', a: 'acknowledge, then the next open one', z: 'zoom to the place',
  r: 'replay what happened', b: 'back from the replay to now', c: 'in the replay: as known then, as known now', '[': 'replay slower', ']': 'replay faster',
  o: 'take the alert, or let it go', n: 'note for the log', d: 'dismiss or close it as (then 1 to 5); reopen', s: 'shelve for (then 1 to 7); off the shelf', w: 'assign to somebody', u: 'undo your last step, for 10 s',
  e: 'end the rescue area', y: 'release a flooding rule', f: 'filter the list; Esc shows all', i: 'let new alerts into the list', t: 'day, dusk, night', l: 'where the receivers hear', v: 'tracks of the vessel in focus',
  g: 'go to a position', m: 'range and bearing', '/': 'find a vessel', p: 'dossier of the vessel', h: 'the watch: hand over, accept, load', x: 'silence the desk for 30 s', '?': 'this list',
};
const FIXED = [['Enter', 'open the alert, show its place'], ['↓ ↑ Home End', 'in the list: next, previous, first, last'], ['Space', 'play, pause the replay'], ['←  →', 'one report back, on'], ['Esc', 'close']];

let off = false;
let pressed = {}; // action's letter -> key that was chosen for it, where it is another
const slot = () => `dogwatch.keys${state.session.name ? ` ${state.session.name}` : ''}`; // of a person, where people log in; of the browser, where they do not

/** Take what was chosen. What is no map of letters is not taken. */
export function loadKeys() {
  try {
    const kept = JSON.parse(localStorage.getItem(slot()) ?? '{}');
    off = kept.off === true;
    pressed = Object.fromEntries(Object.entries(kept.pressed ?? {}).filter(([letter, key]) => letter in LETTERS && fit(key)));
  } catch { /* private windows, or words of somebody else */ }
}

function keep() {
  try { localStorage.setItem(slot(), JSON.stringify({ off, pressed })); } catch { /* private windows */ }
  change();
}

const fit = (key) => typeof key === 'string' && [...key].length === 1 && key.trim() === key && !/\d/.test(key);
const keyOf = (letter) => pressed[letter] ?? letter;

/** The action's letter that a pressed key stands for; keys with names (Enter, Escape, arrows, the space bar) stand for themselves; '' is none. */
export function meaning(key) {
  if (key.length > 1 || key === ' ') return key;
  if (off) return '';
  return Object.keys(LETTERS).find((letter) => keyOf(letter) === key.toLowerCase()) ?? '';
}

/** The key of an action, for beside its button; nothing while keys are switched off. */
export const kbd = (letter) => (off ? null : html`<kbd>${keyOf(letter).toUpperCase()}</kbd>`);

/** Give an action another key; says why not, or ''. */
export function remap(letter, wanted) {
  const key = wanted.trim().toLowerCase();
  if (!fit(key)) return 'One letter or sign, no digit.';
  const taken = Object.keys(LETTERS).find((other) => other !== letter && keyOf(other) === key);
  if (taken) return `${key.toUpperCase()} is taken: ${LETTERS[taken]}.`;
  if (key === letter) delete pressed[letter];
  else pressed[letter] = key;
  keep();
  return '';
}

/** The list of keys, and what may be changed of it. */
export function KeyFields() {
  const [fault, setFault] = useState('');
  const say = (letter) => (event) => {
    const why = remap(letter, event.target.value);
    if (why) event.target.value = keyOf(letter).toUpperCase();
    setFault(why);
  };
  const turn = (event) => { off = !event.target.checked; keep(); };
  const back = () => { off = false; pressed = {}; setFault(''); keep(); };
  return html`<h2>Keys</h2>
    <p class="row"><label><input type="checkbox" name="keys-on" checked=${!off} onChange=${turn} /> Single letters and signs do something</label><span class="grow"></span><button type="button" class="small" data-test="keys-back" onClick=${back}>As at first</button></p>
    <p class="muted">Write another letter or sign into a field to change its key. ${state.session.name ? 'Kept for you in this browser.' : 'Kept in this browser.'}</p>
    <p role="alert" class="bad-word" data-test="keys-fault">${fault}</p>
    <table class="keys"><tbody>${Object.entries(LETTERS).map(([letter, does]) => html`<tr key=${`${letter} ${keyOf(letter)}`}><th scope="row"><input name=${`key-${letter}`} size="2" maxlength="2" autocomplete="off" disabled=${off} aria-label=${`Key: ${does}`} defaultValue=${keyOf(letter).toUpperCase()} onFocus=${(e) => e.target.select()} onChange=${say(letter)} /></th><td>${does}</td></tr>`)}
      ${FIXED.map(([key, does]) => html`<tr key=${key}><th scope="row"><kbd>${key}</kbd></th><td>${does}</td></tr>`)}</tbody></table>`;
}
