// Which rows of a long list are drawn. May live here: heights of rows, where the window on them stands. May not: what a row shows, where the list comes from.
//
// A short list is drawn whole. Of a long one only the rows in view are, and some beyond, between two empty rows that are as high as what is left out: the
// scroll bar, the keys and `aria-rowindex` go over all. Heights are measured as rows are drawn; until then a row counts as high as those seen so far.

import { useLayoutEffect, useRef, useState } from './html.mjs';

const WHOLE_MAX = 100; // rows: so many are all drawn, and the browser's own search finds them
const SPARE_PX = 500; // drawn beyond the edges, so that scrolling and the next keys meet rows
const GUESS_PX = 88;
const STEP_PX = 100; // of scrolling, before the window is laid anew
const HEIGHTS_MAX = 40_000; // rows remembered; then all are measured again

/** [from, to, pixels above, pixels below] of the rows to draw. `tops`: where each row begins, and after the last where the list ends. */
export function windowOf(tops, scroll, height) {
  const count = tops.length - 1;
  const at = (y) => { // the last row that begins at y or above
    let [low, high] = [0, count];
    while (low < high) { const middle = (low + high + 1) >> 1; tops[middle] <= y ? (low = middle) : (high = middle - 1); }
    return low;
  };
  const from = Math.min(at(Math.max(0, scroll - SPARE_PX)), Math.max(0, count - 1));
  const to = Math.min(count, at(scroll + height + SPARE_PX) + 1);
  return [from, to, tops[from], tops[count] - tops[to]];
}

/** The rows of `keys` to draw in the scrolling element `box`; rows carry `data-key`. `reveal(i)` scrolls so that row i is among the drawn ones. */
export function useRows(box, keys) {
  const heights = useRef(new Map());
  const [scroll, setScroll] = useState(0);
  const seen = heights.current;
  const guess = seen.size ? seen.total / seen.size : GUESS_PX;
  const whole = keys.length <= WHOLE_MAX;
  const tops = whole ? null : new Float64Array(keys.length + 1);
  if (tops) keys.forEach((key, i) => { tops[i + 1] = tops[i] + (seen.get(key) ?? guess); });
  const height = box.current?.clientHeight ?? 700;
  useLayoutEffect(() => { if (!whole && measure(box.current, seen)) setScroll((y) => y + 0.001); });
  const onScroll = (event) => { const y = Math.round(event.currentTarget.scrollTop / STEP_PX) * STEP_PX; if (Math.abs(y - scroll) >= STEP_PX) setScroll(y); };
  const reveal = (i) => {
    if (whole || i < 0) return;
    box.current.scrollTop = Math.max(0, tops[i] - height / 2);
    setScroll(box.current.scrollTop);
  };
  const [from, to, above, below] = whole ? [0, keys.length, 0, 0] : windowOf(tops, scroll, height);
  return { from, to, above, below, onScroll, reveal };
}

/** Remember how high the drawn rows are; whether any was not known before. */
function measure(box, seen) {
  if (seen.size > HEIGHTS_MAX) seen.clear();
  if (!seen.size) seen.total = 0;
  let fresh = false;
  for (const row of box?.querySelectorAll('tr[data-key]') ?? []) {
    const [key, px, before] = [row.dataset.key, row.offsetHeight, seen.get(row.dataset.key)];
    if (px === before || !px) continue;
    fresh ||= before === undefined;
    seen.total += px - (before ?? 0);
    seen.set(key, px);
  }
  return fresh;
}
