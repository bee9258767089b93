// The stream of events as messages: what came, and whether the link holds. May live here: EventSource and its failures. May not: what an alert is, DOM.
//
// Messages: { kind: 'up' }, { kind: 'down', over } (over: refused, and not only interrupted: perhaps the session has ended), and what the server sent:
// { kind: 'hello' | 'alert' | 'health' | 'reset', data }. After `hello` and `reset` the whole state has to be read; after `up` alone nothing was missed.

const RETRY_MS = 1500;
const KINDS = ['hello', 'alert', 'health', 'reset'];

/** Follow the stream at `url` for good, and say each thing to `tell`. */
export function follow(url, tell) {
  const open = () => {
    const source = new EventSource(url);
    source.onopen = () => tell({ kind: 'up' });
    source.onerror = () => { // one that was interrupted is resumed by the browser itself, from its last event on
      const over = source.readyState === EventSource.CLOSED;
      tell({ kind: 'down', over });
      if (over) setTimeout(open, RETRY_MS);
    };
    for (const kind of KINDS) source.addEventListener(kind, (event) => tell({ kind, data: event.data }));
  };
  open();
}
