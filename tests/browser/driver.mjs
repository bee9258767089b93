// A browser on a string: reads one JSON command per line, answers one JSON line each. Driven by tests/test_console_browser.py.
// Commands: open, evaluate, click, hover, point, drag, press, fill, screenshot, heap, trace, report, close, closeAll. Knows nothing about dogwatch.

import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const WAIT_MS_MAX = 60_000; // a machine may be busy; who waits for what comes pays nothing for it
const FLAGS = [
  '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', '--no-sandbox', '--disable-quic',
  '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

const [, , executablePath, ...more] = process.argv; // more: flags
const browser = await chromium.launch({ executablePath, args: [...FLAGS, ...more] });
const pages = new Map(); // name -> { context, page, report }

const commands = {
  async open({ name, url, width = 1280, height = 720, script = '', answers = {}, timezone, beside }) {
    const context = pages.get(beside)?.context ?? await browser.newContext({ viewport: { width, height }, deviceScaleFactor: 1, timezoneId: timezone }); // beside: as one more page of the same browser
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS_MAX);
    const report = { errors: [], failed: [], foreign: [], csp: [], requests: 0 };
    const origin = new URL(url).origin;
    page.on('console', (m) => { if (['error', 'warning'].includes(m.type())) report.errors.push(`${m.type()}: ${m.text()}`); });
    page.on('pageerror', (e) => report.errors.push(`uncaught: ${e.stack ?? e.message}`));
    page.on('response', (r) => { if (r.status() >= 400) report.failed.push(`${r.status()} ${r.url()}`); });
    page.on('request', (r) => {
      report.requests++;
      if (!r.url().startsWith('data:') && new URL(r.url()).host !== new URL(origin).host) report.foreign.push(r.url());
    });
    await page.exposeFunction('cspViolation', (text) => report.csp.push(text));
    await page.addInitScript(() => document.addEventListener('securitypolicyviolation', (e) => window.cspViolation(`${e.violatedDirective} ${e.blockedURI}`)));
    if (script) await page.addInitScript(script);
    for (const [path, body] of Object.entries(answers)) await page.route(`**/${path}`, (route) => route.fulfill({ json: body }));
    await page.goto(url);
    pages.set(name, { context, page, report });
  },
  evaluate: ({ page, js }) => page.evaluate(js),
  click: ({ page, on }) => page.click(on),
  hover: ({ page, on }) => page.hover(on),
  point: ({ page, x, y }) => page.mouse.click(x, y),
  async drag({ page, start, end }) {
    await page.mouse.move(start.x, start.y);
    await page.mouse.down();
    await page.mouse.move((start.x + end.x) / 2, (start.y + end.y) / 2);
    await page.mouse.move(end.x, end.y);
    await page.mouse.up();
  },
  press: ({ page, key }) => page.keyboard.press(key),
  fill: ({ page, on, text }) => page.fill(on, text),
  async screenshot({ page, file }) { await page.screenshot({ path: file }); },
  /** Bytes that the page's script holds after a full collection, and how many DOM nodes live. */
  async heap({ entry, page }) {
    entry.devtools ??= await entry.context.newCDPSession(page);
    await entry.devtools.send('HeapProfiler.enable');
    await entry.devtools.send('HeapProfiler.collectGarbage');
    const { usedSize } = await entry.devtools.send('Runtime.getHeapUsage');
    const { nodes } = await entry.devtools.send('Memory.getDOMCounters');
    return { bytes: usedSize, nodes };
  },
  /** What the page's main thread does for so long: [name, CPU ms, ms by the clock, start in ms, parameters] of each event of the given names. */
  async trace({ page, seconds, names }) {
    await browser.startTracing(page, { categories: ['devtools.timeline', 'v8', 'blink.user_timing'] });
    await page.waitForTimeout(seconds * 1000);
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
    const threads = new Set(traceEvents.filter((e) => e.name === 'thread_name' && e.args.name === 'CrRendererMain').map((e) => `${e.pid}.${e.tid}`));
    return traceEvents.filter((e) => e.ph === 'X' && threads.has(`${e.pid}.${e.tid}`) && (!names || names.includes(e.name))).map((e) => [e.name, (e.tdur ?? 0) / 1000, e.dur / 1000, e.ts / 1000]);
  },
  report: ({ entry }) => entry.report,
  close: ({ entry }) => entry.context.close(),
  /** All pages, those too that a test left open when it failed. */
  async closeAll() {
    for (const { context } of pages.values()) await context.close();
    pages.clear();
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  const entry = pages.get(command.name);
  let answer;
  try {
    answer = { ok: true, value: (await commands[command.do]({ ...command, entry, page: entry?.page })) ?? null };
  } catch (fault) {
    answer = { ok: false, fault: String(fault.stack ?? fault) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
