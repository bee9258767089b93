// Going to a place: the dialog behind 'G', and positions as people write them. May live here: reading a position, asking for one. May not: the map.

import { html, useEffect, useRef, useState } from './html.mjs';
import { change } from './store.mjs';
import { position } from './text.mjs';

const NUMBER = /\d+(?:\.\d+)?/g;

/**
 * { lat, lon } of a position as it is read aloud or copied, or null: "41 00.5 S 174 30.2 E", "S41°00'30" E174°30'12"", "-41.0083, 174.5033", "41,5 N 3,25 E".
 * One to three numbers for each half (degrees, minutes, seconds); latitude first, unless letters say otherwise.
 */
export function readPosition(text) {
  const plain = text.toUpperCase().replaceAll('−', '-').replace(/(\d),(\d)/g, (all, a, b) => (/[NSEW]/.test(text.toUpperCase()) ? `${a}.${b}` : `${a}, ${b}`));
  const halves = halvesOf(plain);
  if (!halves) return null;
  const found = {};
  for (const [i, half] of halves.entries()) {
    const letter = half.match(/[NSEW]/)?.[0] ?? '';
    const axis = letter ? ('NS'.includes(letter) ? 'lat' : 'lon') : ['lat', 'lon'][i];
    const numbers = (half.match(NUMBER) ?? []).map(Number);
    if (!numbers.length || numbers.length > 3 || axis in found || numbers.slice(1).some((n) => n >= 60) || numbers.slice(0, -1).some((n) => n % 1)) return null;
    const size = numbers.reduceRight((sum, n) => n + sum / 60, 0);
    found[axis] = half.includes('-') || 'SW'.includes(letter || '.') ? -size : size;
  }
  const { lat, lon } = found;
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? { lat, lon } : null;
}

/** The two halves of a position: at its letters, else at its comma, else in the middle of its numbers. */
function halvesOf(text) {
  if (/[^-\d.,;\sNSEW°º'’′"”″:]/.test(text)) return null;
  const letters = text.match(/[NSEW]/g) ?? [];
  if (letters.length === 2) {
    const first = text.search(/[NSEW]/), before = /^\s*[NSEW]/.test(text);
    const at = before ? text.slice(first + 1).search(/[NSEW]/) + first + 1 : first + 1;
    return [text.slice(0, at), text.slice(at)];
  }
  if (letters.length) return null;
  const comma = text.split(/[,;]/);
  if (comma.length === 2) return comma;
  const words = text.trim().split(/\s+/);
  return comma.length === 1 && words.length % 2 === 0 ? [words.slice(0, words.length / 2).join(' '), words.slice(words.length / 2).join(' ')] : null;
}

/** Asks for a position; `onGo` gets { lat, lon }. */
export function GoToDialog({ onGo }) {
  const box = useRef(null);
  const [text, setText] = useState('');
  useEffect(() => {
    box.current?.showModal();
  }, []);
  const at = readPosition(text);
  const submit = (event) => {
    event.preventDefault();
    if (!at) return;
    box.current.close();
    onGo(at);
  };
  return html`<dialog ref=${box} onClose=${() => change({ going: false })} aria-labelledby="go">
    <form onSubmit=${submit}>
      <h2 id="go">Go to a position</h2>
      <label>Latitude, then longitude <input name="position" maxlength="60" autocomplete="off" spellcheck="false" autofocus placeholder="41 00.5 S 174 30.2 E, or -41.0083, 174.5033" onInput=${(event) => setText(event.target.value)} /></label>
      <p class="muted num" role="status" data-test="read">${at ? position(at.lat, at.lon).minutes : text.trim() ? 'That is no position yet: degrees, or degrees and minutes, with N S E W or a sign.' : 'The map goes there and marks it.'}</p>
      <div class="row end"><button type="button" onClick=${() => box.current.close()}>Cancel</button><button class="primary" type="submit" disabled=${!at}>Go</button></div>
    </form>
  </dialog>`;
}
