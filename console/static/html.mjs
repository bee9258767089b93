// Templates and hooks for every component. May live here: how a template becomes elements. May not: components.
//
// htm gives out one element again and again for what has no holes, and such an element holds on to the tree it was first drawn in: through it every row
// that ever stood in the queue stayed in memory. Its documented switch (`this[0] = 3`) makes each element anew.

import htm from './vendor/htm.mjs';
import { h } from './vendor/htm-preact.mjs';

export { render, useEffect, useLayoutEffect, useRef, useState } from './vendor/htm-preact.mjs';

export const html = htm.bind(function anew(...element) {
  this[0] = 3;
  return h(...element);
});
