// Writes figures and times as an operator reads them. Pure: knows nothing of the page.

const NONE = "–";
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

// C0, DEL and C1, and what turns the direction of the text after it.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const TENTHS = new Intl.NumberFormat("en", { maximumFractionDigits: 1, minimumFractionDigits: 1 });

/** Tells whether there is a figure at all. */
export function isFigure(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** Writes a count. */
export function count(value) {
  return isFigure(value) ? WHOLE.format(value) : NONE;
}

/** Writes how often a second. */
export function rate(value) {
  if (!isFigure(value)) return NONE;
  if (value > 0 && value < 0.1) return "< 0.1";
  return value === 0 || value >= 99.95 ? WHOLE.format(value) : TENTHS.format(value);
}

/** Writes a share of 0 to 1. */
export function percent(value) {
  if (!isFigure(value)) return NONE;
  const hundredths = value * 100;
  if (hundredths === 0 || hundredths >= 99.95) return `${WHOLE.format(hundredths)} %`;
  return hundredths < 0.1 ? "< 0.1 %" : `${TENTHS.format(hundredths)} %`;
}

/** Writes a time that something took. */
export function milliseconds(value) {
  if (!isFigure(value)) return NONE;
  if (value < 9.95) return `${TENTHS.format(value)} ms`;
  if (value < 999.5) return `${WHOLE.format(value)} ms`;
  return value < 59_950 ? `${TENTHS.format(value / 1000)} s` : duration(value / 1000);
}

/** Writes an age or a time of life in its two largest units. */
export function duration(seconds) {
  if (!isFigure(seconds)) return NONE;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min ${whole % MINUTE} s`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)} h ${Math.floor((whole % HOUR) / MINUTE)} min`;
  return `${WHOLE.format(Math.floor(whole / DAY))} d ${Math.floor((whole % DAY) / HOUR)} h`;
}

/** Writes a number of bytes. */
export function bytes(value) {
  if (!isFigure(value)) return NONE;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  if (value < 1024) return `${WHOLE.format(value)} B`;
  let size = value / 1024;
  while (size >= 1023.95 && units.length > 1) {
    size /= 1024;
    units.shift();
  }
  return `${TENTHS.format(size)} ${units[0]}`;
}

/** Writes the time of day of an ISO timestamp, to the millisecond. */
export function clock(timestamp) {
  const time = new Date(timestamp ?? "");
  if (Number.isNaN(time.getTime())) return "";
  const [hours, minutes, seconds] = [time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits);
  return `${hours}:${minutes}:${seconds}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

/** Writes a number with its noun. */
export function counted(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Shows control characters as signs, so that none hides or turns what stands around it. */
export function visible(text) {
  return text.replace(HIDDEN, (char) => {
    const code = char.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? "\u2421" : "\ufffd";
  });
}

/** Cuts a text that would fill the page. */
export function capped(text, most) {
  return text.length <= most
    ? text
    : `${text.slice(0, most)}… (${count(text.length - most)} more characters)`;
}

function twoDigits(number) {
  return String(number).padStart(2, "0");
}
