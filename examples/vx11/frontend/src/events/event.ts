/** An event as the panel keeps it, made from whatever a backend sends. Knows nothing of how it is shown. */

export const SEVERITIES = ["critical", "error", "warn", "info"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Characters of an event that the search looks through. */
export const SEARCHED = 10_000;

/** Levels of nesting that are shown indented. */
const DEEPEST = 64;

export interface PanelEvent {
  /** Counted by the panel: ids are the backend's, and may be missing or repeat. */
  readonly key: number;
  readonly id: string;
  readonly type: string;
  readonly summary: string;
  readonly module: string;
  readonly severity: Severity;
  readonly correlationId: string;
  /** Milliseconds since 1970; of its arrival where the event names no time. */
  readonly at: number;
  /** What was received: a payload is read from it when somebody looks. */
  readonly data: string;
  readonly searched: string;
}

/** What an event stream delivers. */
export interface Received {
  readonly name: string;
  readonly data: string;
  readonly lastEventId: string;
}

/** Make an event of any data at all: what is no JSON object becomes the summary. */
export function readEvent(received: Received, key: number, now: number): PanelEvent {
  const fields = parseObject(received.data);
  const text = (name: string, otherwise: string) => asText(fields?.[name]) || otherwise;
  const type = text("event_type", received.name);
  const module = text("module", "unknown");
  const summary = text("summary", fields === null ? received.data : type);
  const correlationId = text("correlation_id", "");
  return {
    key,
    id: text("event_id", received.lastEventId),
    type,
    summary,
    module,
    severity: asSeverity(fields?.["severity"]),
    correlationId,
    at: asTime(fields?.["created_at"], now),
    data: received.data,
    searched: searchedText([type, module, correlationId, summary, received.data]),
  };
}

/** Return an event's payload as indented JSON, or all its data where it has none. */
export function payloadText(event: PanelEvent): string {
  const fields = parseObject(event.data);
  if (fields === null || !("payload" in fields) || isNestedDeep(event.data)) return event.data;
  return JSON.stringify(fields["payload"], null, 2);
}

/** Whether indenting could make it many times as long, or fail. */
function isNestedDeep(data: string): boolean {
  let depth = 0;
  for (let index = 0; index < data.length && depth <= DEEPEST; index += 1) {
    const sign = data[index];
    if (sign === '"') index = endOfString(data, index);
    else if (sign === "{" || sign === "[") depth += 1;
    else if (sign === "}" || sign === "]") depth -= 1;
  }
  return depth > DEEPEST;
}

function endOfString(data: string, start: number): number {
  let index = start + 1;
  while (index < data.length && data[index] !== '"') index += data[index] === "\\" ? 2 : 1;
  return index;
}

function parseObject(data: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function asText(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function asSeverity(value: unknown): Severity {
  return SEVERITIES.find((severity) => severity === value) ?? "info";
}

function asTime(value: unknown, now: number): number {
  const time = typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isNaN(time) ? now : time;
}

function searchedText(parts: readonly string[]): string {
  return parts
    .map((part) => part.slice(0, SEARCHED))
    .join("\n")
    .slice(0, SEARCHED)
    .toLowerCase();
}
