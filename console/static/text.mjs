// Words and numbers for people. May live here: pure formatting. May not: DOM, state, network.
// Text from the air and from files is hostile until it went through clean(), and even then it is only ever put into text nodes.

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu; // control, bidi and zero-width characters, line separators

export const LEVELS = ['caution', 'warning', 'alarm', 'emergency'];
export const levelRank = (level) => LEVELS.indexOf(level);

/** Printable text of at most `max` characters; what would act instead of show becomes U+FFFD. */
export function clean(text, max = 400) {
  const shown = String(text ?? '').replace(INVISIBLE, '\uFFFD');
  return shown.length > max ? `${shown.slice(0, max - 1)}…` : shown;
}

const two = (n) => String(n).padStart(2, '0');

/** '14:05:09Z' */
export function clock(ms) {
  if (!Number.isFinite(ms)) return '--:--:--Z';
  const t = new Date(ms);
  return `${two(t.getUTCHours())}:${two(t.getUTCMinutes())}:${two(t.getUTCSeconds())}Z`;
}

/** '2026-01-01 14:05Z' */
export function dateTime(iso) {
  return iso ? `${iso.slice(0, 10)} ${iso.slice(11, 16)}Z` : '–';
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

/** 1234 milli-points as '+1.234'. */
export function points(milli) {
  return `${milli < 0 ? '−' : '+'}${(Math.abs(milli) / 1000).toFixed(2)}`;
}

export const CLASS_WORDS = {
  0: 'cargo', 1: 'tanker', 2: 'passenger', 3: 'fishing', 4: 'service craft', 5: 'other or unknown',
  16: 'base station', 17: 'aid to navigation', 18: 'aircraft', 19: 'distress beacon',
};
