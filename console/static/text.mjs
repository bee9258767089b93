// Words and numbers for people, in the time and the units that they chose. May live here: formatting. May not: DOM, network.
// Text from the air and from files is hostile until it went through clean(), and even then it is only ever put into text nodes.

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu; // control, bidi and zero-width characters, line separators

/** Forms in which alerts and vessels are saved: the ending of the address, what people call it. */
export const FILES = { csv: 'CSV', geojson: 'GeoJSON', kml: 'KML', gpx: 'GPX', cot: 'CoT', parquet: 'GeoParquet' };
export const LEVELS = ['caution', 'warning', 'alarm', 'emergency'];
export const levelRank = (level) => LEVELS.indexOf(level);

/** Printable text of at most `max` characters; what would act instead of show becomes U+FFFD. */
export function clean(text, max = 400) {
  const shown = String(text ?? '').replace(INVISIBLE, '\uFFFD');
  return shown.length > max ? `${shown.slice(0, max - 1)}…` : shown;
}

const two = (n) => String(n).padStart(2, '0');

/** What a person may choose, the usual first. Sentences of the pipeline stay as they were published: in UTC, knots and nautical miles. */
export const UNITS = {
  time: { utc: 'UTC', local: 'local time' },
  distance: { nm: 'nautical miles', km: 'kilometres' },
  speed: { kn: 'knots', kmh: 'km/h', ms: 'm/s' },
};
const chosen = { time: 'utc', distance: 'nm', speed: 'kn' };
const SPEEDS = { kn: [1, 'kn'], kmh: [1.852, 'km/h'], ms: [1852 / 3600, 'm/s'] };

/** Which time and units there are from now on; what is not among UNITS changes nothing. Returns what holds. */
export function choose(fields = {}) {
  for (const [name, value] of Object.entries(fields)) if (UNITS[name]?.[value]) chosen[name] = value;
  return { ...chosen };
}

/** '12.3 kn' of knots, in the unit chosen. */
export const speed = (knots, digits = 1) => `${(knots * SPEEDS[chosen.speed][0]).toFixed(digits)} ${SPEEDS[chosen.speed][1]}`;

/** '4.1 nm' of nautical miles, in the unit chosen. */
export const distance = (nm, digits = 1) => (chosen.distance === 'km' ? `${(nm * 1.852).toFixed(digits)} km` : `${nm.toFixed(digits)} nm`);

/** A moment as its date, hours, minutes, seconds and zone, in the time chosen: 'Z', or hours (and minutes) east of it. */
function parts(ms, how = chosen.time) {
  const east = how === 'local' ? -new Date(ms).getTimezoneOffset() : 0;
  const text = new Date(ms + east * 60_000).toISOString();
  const zone = how === 'utc' ? 'Z' : `${east < 0 ? '−' : '+'}${two(Math.floor(Math.abs(east) / 60))}${east % 60 ? `:${two(Math.abs(east) % 60)}` : ''}`;
  return { date: text.slice(0, 10), minutes: text.slice(11, 16), seconds: text.slice(11, 19), zone };
}

/** '14:05:09Z', or '15:05:09+01' in local time. */
export function clock(ms, how = chosen.time) {
  if (!Number.isFinite(ms)) return `--:--:--${how === 'utc' ? 'Z' : ''}`;
  const t = parts(ms, how);
  return `${t.seconds}${t.zone}`;
}

/** '2026-01-01 14:05:09Z' */
export function stamp(ms) {
  const t = parts(ms);
  return `${t.date} ${t.seconds}${t.zone}`;
}

/** '2026-01-01 14:05Z' */
export function dateTime(iso) {
  const ms = Date.parse(iso ?? '');
  if (!Number.isFinite(ms)) return '–';
  const t = parts(ms);
  return `${t.date} ${t.minutes}${t.zone}`;
}

/** '2026-01-01 14:05Z to 15:10Z': the date once where it is the same day. */
export function period(from, to) {
  const [a, b] = [dateTime(from), dateTime(to)];
  return a !== '–' && a.slice(0, 10) === b.slice(0, 10) ? `${a} to ${b.slice(11)}` : `${a} to ${b}`;
}

/** '8 s', '12 min', '3 h 05 min', '2 d 4 h' */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return '–';
  const s = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(s / 60);
  if (s < 60) return `${s} s`;
  if (minutes < 120) return `${minutes} min`;
  if (minutes < 2880) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

/** A position as mariners write it, and in degrees: two ways, because one is read aloud and the other is typed. */
export function position(lat, lon) {
  if (!Number.isFinite(lat) || !Number.isFinite(lon)) return { minutes: 'position unknown', degrees: '' };
  const part = (value, width, names) => {
    const hundredths = Math.round(Math.abs(value) * 6000);
    const minutes = (hundredths % 6000) / 100;
    return `${String(Math.floor(hundredths / 6000)).padStart(width, '0')}°${minutes.toFixed(2).padStart(5, '0')}'${names[value < 0 ? 1 : 0]}`;
  };
  return { minutes: `${part(lat, 2, 'NS')} ${part(lon, 3, 'EW')}`, degrees: `${lat.toFixed(5)}, ${lon.toFixed(5)}` };
}

/** A value of an alert's table: numbers short, true/false as words, nothing as a dash. */
export function value(v) {
  if (v === null || v === undefined || v === '') return '–';
  if (v === true) return 'yes';
  if (v === false) return 'no';
  if (typeof v === 'number') return Number.isInteger(v) ? String(v) : String(Number(v.toPrecision(5)));
  return clean(v, 80);
}

/** 'dark_period.gap_s' as words: 'dark period: gap s'. */
export function words(name) {
  return clean(name, 80).replaceAll('_', ' ').replaceAll('.', ': ');
}

/** What the exercise banner says; empty where nothing is simulated. Real and simulated data together are the dangerous case and have words of their own. */
export function exerciseWords(info, health, alerts) {
  if (!health.exercise && !info.exercise && ![...alerts].some((alert) => alert.exercise)) return '';
  const simulated = health.simulated ?? [];
  const real = Object.keys(health.sources ?? {}).filter((source) => !simulated.includes(source));
  if (!real.length) return 'Simulated data are in this picture. Do not act on it as real.';
  const named = (sources) => clean(sources.join(', ') || 'heard earlier', 80);
  return `Simulated data (${named(simulated)}) are MIXED with real data (${named(real)}), and all of it is marked. A distress call may be a real one: verify it.`;
}

/** A headline in parts: behaviour, place, what else. Without what the page says beside it: the exercise has a badge, identities their own line. */
export function brief(headline) {
  const [about, ...also] = headline.replace(/^EXERCISE: /, '').split('; also: ');
  const told = about.replace(/: MMSI \d.*$/, '');
  const comma = told.search(/, (?!then )/);
  const what = comma < 0 ? told : told.slice(0, comma);
  const place = comma < 0 ? '' : told.slice(comma + 2);
  return { what, place, also: also.join('; ') };
}

const LABELLED = /^(.*?\)|[^;]*?): (.+?)\.?$/s;

/**
 * The paragraphs of an explanation. One of the form 'label: fact; fact (threshold: bound).' comes apart, because a table is read
 * faster than a sentence; any other stays the sentence it is.
 */
export function paragraphs(explanation) {
  return String(explanation ?? '').split('\n').filter(Boolean).slice(0, 40).map((line) => {
    const [, label, rest] = line.match(LABELLED) ?? [];
    if (!label || !(rest.includes('; ') || rest.includes(' (threshold: '))) return { text: line };
    return { label, facts: rest.split('; ').map(condition) };
  });
}

/** 'silent for 41 min (threshold: at least 30 min)' in its parts. */
export function condition(text) {
  const [, observed, threshold, rest] = text.match(/^(.*) \(threshold: (.*)\)(.*)$/s) ?? [];
  return threshold ? { observed: observed + rest, threshold } : { observed: text, threshold: '' };
}

/** What a contribution says: the behaviour, its deciding condition, and a remark; its rule and confidence stand in the observations. */
export function reason(contribution) {
  const [, what, rest] = String(contribution.text ?? '').match(/^(.*?) by rule [^:;]*[:;] (.*)$/s) ?? [];
  if (!what) return { what: words(contribution.name), observed: value(contribution.observed), threshold: value(contribution.threshold), remark: contribution.text };
  const [first, ...remarks] = rest.split('; ');
  const { observed, threshold } = condition(first);
  return threshold ? { what, observed, threshold, remark: remarks.join('; ') } : { what, observed: '–', threshold: '–', remark: rest };
}

/** '045°' */
export const degrees = (angle) => `${String(Math.round(angle) % 360).padStart(3, '0')}°`;

/** 1234 milli-points as '+1.23'. */
export function points(milli) {
  return `${milli < 0 ? '−' : '+'}${(Math.abs(milli) / 1000).toFixed(2)}`;
}

export const CLASS_WORDS = {
  0: 'cargo', 1: 'tanker', 2: 'passenger', 3: 'fishing', 4: 'service craft', 5: 'other or unknown',
  16: 'base station', 17: 'aid to navigation', 18: 'aircraft', 19: 'distress beacon', 20: 'virtual aid to navigation',
};
