// Quantities as people read them.

const NUMBER = new Intl.NumberFormat("en");

/** 8192 → "8,192". */
export function number(value) {
  return NUMBER.format(value);
}

/** Bytes in the unit that is read easily: "98 MB", "1.2 GB". */
export function bytes(value) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = Math.min(Math.max(Math.floor(Math.log10(Math.max(value, 1)) / 3), 0), units.length - 1);
  const shown = value / 1000 ** power;
  return `${shown < 10 && power > 0 ? shown.toFixed(1) : Math.round(shown)} ${units[power]}`;
}

/** Milliseconds: "0.42 s", "12.3 s", "2 min 5 s". */
export function duration(ms) {
  const seconds = ms / 1000;
  if (seconds >= 60) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
}

/** "1 token", "3 tokens". */
export function counted(count, noun) {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}
