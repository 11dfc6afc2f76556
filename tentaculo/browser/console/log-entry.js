// What a log event says at a glance, and all that it says. Pure: texts in, texts out.

import { capped, clock, count, counted, isFigure, milliseconds, visible } from "./format.js";
import { LEVELS, SKIPPED } from "./log-filters.js";

const LONGEST_TOLD = 300;
const LONGEST_VALUE = 20_000;

// What has a place of its own at a glance, and what is seen only once a line is opened.
const PLACED = new Set([
  "timestamp",
  "level",
  "event",
  "status",
  "duration_ms",
  "method",
  "url",
  "route",
  "principal",
  "code",
  "reason",
  "end_reason",
  "events",
  "request_id",
  "exception",
  "stack",
  "client",
  "upstream",
  "bytes_in",
  "bytes_out",
  "opened_by",
]);

/** Returns what a line shows: texts, and `details` as `[kind, text]` pairs. */
export function describe(event) {
  const hasStatus = Number.isInteger(event.status);
  return {
    time: clock(event.timestamp),
    level: LEVELS.includes(event.level) ? event.level : "info",
    status: hasStatus ? String(event.status) : "",
    statusClass: hasStatus ? `s${Math.floor(event.status / 100)}` : "",
    took: isFigure(event.duration_ms) ? milliseconds(event.duration_ms) : "",
    title: titleOf(event, hasStatus),
    details: detailsOf(event, hasStatus),
  };
}

/** Returns every field of an event as `[name, text]`. */
export function fieldsOf(event) {
  return Object.entries(event).map(([name, value]) => [
    visible(capped(name, LONGEST_TOLD)),
    multiline(capped(textOf(value), LONGEST_VALUE)),
  ]);
}

function titleOf(event, hasStatus) {
  if (event.event === SKIPPED) return `${counted(event.count, "line")} left out: more came than can be shown`;
  const target = [event.method, event.url].filter((word) => typeof word === "string").join(" ");
  return shortened(hasStatus && target ? target : textOf(event.event ?? "no event"));
}

function detailsOf(event, hasStatus) {
  if (event.event === SKIPPED) return [];
  const told = [];
  if (hasStatus && event.event !== "request.finished") told.push(["event", event.event]);
  if (!hasStatus && event.url) told.push(["plain", `${event.method ?? ""} ${event.url}`.trim()]);
  for (const kind of ["route", "principal"]) if (event[kind]) told.push([kind, event[kind]]);
  const reasons = [event.code, event.reason].filter(Boolean).map(textOf);
  if (reasons.length) told.push(["fault", reasons.join(": ")]);
  if (event.end_reason) told.push(["event", event.end_reason]);
  if (isFigure(event.events))
    told.push(["plain", `${count(event.events)} ${event.events === 1 ? "event" : "events"}`]);
  for (const [name, value] of Object.entries(event)) {
    if (!PLACED.has(name)) told.push(["plain", `${name}=${textOf(value)}`]);
  }
  if (event.exception) told.push(["fault", "with a traceback"]);
  return told.map(([kind, text]) => [kind, shortened(textOf(text))]);
}

function textOf(value) {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function shortened(text) {
  return visible(text.length > LONGEST_TOLD ? `${text.slice(0, LONGEST_TOLD)}…` : text);
}

function multiline(text) {
  return text.split("\n").map(visible).join("\n");
}
