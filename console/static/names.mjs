// Names beside targets: words over the map, each where it covers no other. May live here: which of the wanted ones are told, and where they find
// room. May not: what is wanted and in which order (map.mjs), names of places (basemap.mjs).

const NAMES_MAX = 40; // beyond that a map is paint
const TRIED_MAX = 120; // with thousands in one place most find no room, and to look for it costs the square of their number
const SIZES_MAX = 2000;
const GAP_PX = 20; // from the target to its name
const SYMBOL_PX = 14; // half of what the symbol of an alert takes
const CASUALTY_PX = 18; // and that of a casualty with its brackets

export class Names {
  constructor(container) {
    this.box = Object.assign(document.createElement('div'), { className: 'names', ariaHidden: 'true' }); // queue and evidence say the same in words
    container.append(this.box);
    this.sizes = new Map(); // look and text -> [width, height]: to ask for a size costs a layout of the page
  }

  set hidden(hidden) {
    this.box.hidden = hidden;
  }

  /**
   * Tell as many as have room, the first ones first; one that finds none stays away rather than cover another, a symbol of an alert, or be cut by the edge.
   * `labels`: [{ mmsi, at: { x, y } in px, text, look }]; `size`: { width, height } of the map; `casualty`: place of the call for help in view, or null.
   */
  draw(labels, size, casualty) {
    const tried = new Map(), taken = []; // mmsi -> label; boxes that nothing may cover
    for (const one of labels) {
      if (tried.size >= TRIED_MAX) break;
      if (one.at.x < 0 || one.at.y < 0 || one.at.x > size.width || one.at.y > size.height) continue;
      if (one.look !== 'coming') taken.push(around(one.at, SYMBOL_PX)); // of whom comes too, the symbol of the alert is there as well
      if (!tried.has(one.mmsi)) tried.set(one.mmsi, one);
    }
    if (casualty) taken.push(around(casualty, CASUALTY_PX));
    const free = (box) => box.x >= 0 && box.y >= 0 && box.x + box.w <= size.width && box.y + box.h <= size.height && !taken.some((other) => box.x < other.x + other.w && other.x < box.x + box.w && box.y < other.y + other.h && other.y < box.y + box.h);
    let used = 0;
    for (const { at, text, look } of tried.values()) {
      if (used >= NAMES_MAX) break;
      const tag = this.box.children[used] ?? this.box.appendChild(document.createElement('span'));
      if (tag.textContent !== text) tag.textContent = text;
      if (tag.className !== look) tag.className = look;
      const known = `${look} ${text}`;
      if (!this.sizes.has(known)) this.sizes.set(known, [tag.offsetWidth, tag.offsetHeight]);
      const found = places(at, ...this.sizes.get(known)).find(free);
      if (!found) continue;
      taken.push(found);
      tag.style.transform = `translate(${found.x}px, ${found.y}px)`;
      used++;
    }
    if (this.sizes.size > SIZES_MAX) this.sizes.clear();
    while (this.box.children.length > used) this.box.lastChild.remove();
  }
}

const around = ({ x, y }, half) => ({ x: x - half, y: y - half, w: 2 * half, h: 2 * half });

/** Where a name may stand, the best first: right, left, below, above, then at the corners. */
const places = ({ x, y }, w, h) => [[GAP_PX, -8], [-GAP_PX - w, -8], [-w / 2, GAP_PX], [-w / 2, -GAP_PX - h], [GAP_PX, GAP_PX - h / 2], [GAP_PX, -GAP_PX - h / 2], [-GAP_PX - w, GAP_PX - h / 2], [-GAP_PX - w, -GAP_PX - h / 2]].map(([dx, dy]) => ({ x: Math.round(x + dx), y: Math.round(y + dy), w, h }));
