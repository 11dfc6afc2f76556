/** How values are written for people. */

const ELLIPSIS = "…";

/** `14:03:27.512` in the reader's own time zone. */
export function clockTime(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  const seconds = `${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
  return `${two(date.getHours())}:${two(date.getMinutes())}:${seconds}`;
}

/** An RFC 3339 time in UTC; empty for a time beyond what dates can hold. */
export function fullTime(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString();
}

/** `12,345`, whatever the reader's locale: the panel's words are English. */
export function count(value: number): string {
  return value.toLocaleString("en");
}

/** `1 event`, `2 events`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** The beginning of a text, with an ellipsis where it was cut, never inside a surrogate pair. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  return `${wholeCharacters(text, length)}${ELLIPSIS}`;
}

/** The first characters of a text, less one where that would halve a pair. */
export function wholeCharacters(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}
