// Numbers for people: as many digits as mean something, and always as wide.

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function count(value) {
  if (value >= 1e9) return (value / 1e9).toFixed(2) + " G";
  if (value >= 1e7) return (value / 1e6).toFixed(1) + " M";
  return grouped.format(value);
}

export function rate(value) {
  if (!value) return "0";
  return value < 9.95 ? value.toFixed(1) : count(value);
}

// Milliseconds. Percentiles come from buckets: two digits are all that can be said.
export function millis(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 9950) return (value / 1000).toFixed(0) + " s";
  if (value >= 995) return (value / 1000).toFixed(1) + " s";
  if (value >= 9.95) return value.toFixed(0) + " ms";
  if (value >= 0.995) return value.toFixed(1) + " ms";
  if (value >= 0.00995) return (value * 1000).toFixed(0) + " µs";
  return value ? (value * 1000).toFixed(1) + " µs" : "0 ms";
}

// Milliseconds that were measured, with three digits.
export function exactMillis(value) {
  if (value >= 1000) return (value / 1000).toFixed(2) + " s";
  if (value >= 100) return value.toFixed(0) + " ms";
  if (value >= 10) return value.toFixed(1) + " ms";
  if (value >= 1) return value.toFixed(2) + " ms";
  return (value * 1000).toFixed(0) + " µs";
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return (unit === 0 || value >= 99.5 ? value.toFixed(0) : value.toFixed(1)) + " " + units[unit];
}

export const percent = (share) => (share * 100).toFixed(share < 0.0995 ? 1 : 0) + " %";

export const decimal = (value) => (value >= 99.5 ? value.toFixed(0) : value.toFixed(1));

export function span(seconds) {
  seconds = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes] = [86400, 3600, 60].map((unit, index, units) =>
    Math.floor((index ? seconds % units[index - 1] : seconds) / unit));
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

export const clockTime = (millis) => new Date(millis).toLocaleTimeString([], { hour12: false });
