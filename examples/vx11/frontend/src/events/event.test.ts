import { describe, expect, it } from "vitest";

import { SEARCHED, payloadText, readEvent } from "./event";

const NOW = Date.parse("2026-01-02T03:04:05.678Z");
const read = (data: string, name = "message", lastEventId = "") =>
  readEvent({ name, data, lastEventId }, 7, NOW);

describe("readEvent", () => {
  it("takes the fields of an event of VX11", () => {
    const event = read(
      JSON.stringify({
        event_id: "e-1",
        event_type: "command",
        summary: "command: refresh",
        module: "madre",
        severity: "critical",
        correlation_id: "c-1",
        payload: { command: "refresh" },
        created_at: "2026-01-02T03:04:05.000Z",
      }),
    );
    expect(event).toMatchObject({
      key: 7,
      id: "e-1",
      type: "command",
      summary: "command: refresh",
      module: "madre",
      severity: "critical",
      correlationId: "c-1",
      at: NOW - 678,
    });
  });

  it.each([
    ["nothing", ""],
    ["text", "plain words"],
    ["broken JSON", '{"summary": '],
    ["a number", "12"],
    ["null", "null"],
    ["markup", "<img src=x onerror=alert(1)>"],
  ])("makes %s the summary of an event", (_, data) => {
    expect(read(data, "draining", "e-9")).toMatchObject({
      id: "e-9",
      type: "draining",
      summary: data,
      severity: "info",
      module: "unknown",
      at: NOW,
    });
  });

  it.each([
    ["a severity of its own", { severity: "fatal" }, { severity: "info" }],
    ["a severity of another type", { severity: ["error"] }, { severity: "info" }],
    ["a time that is none", { created_at: "yesterday" }, { at: NOW }],
    [
      "fields that are objects",
      { summary: {}, module: [], event_type: null },
      { summary: "message", module: "unknown" },
    ],
    ["numbers as names", { module: 5, event_id: 6 }, { module: "5", id: "6" }],
    ["a prototype", { __proto__: { severity: "error" } }, { severity: "info" }],
  ])("makes sense of %s", (_, fields, expected) => {
    expect(read(JSON.stringify(fields))).toMatchObject(expected);
  });

  it("searches through a bounded part of a huge event, whatever the case", () => {
    const event = read(JSON.stringify({ summary: `Needle ${"x".repeat(1_000_000)}`, module: "HERMES" }));
    expect(event.searched).toContain("needle");
    expect(event.searched).toContain("hermes");
    expect(event.searched.length).toBeLessThanOrEqual(SEARCHED);
  });
});

describe("payloadText", () => {
  it.each([
    ["an object", '{"payload": {"a": [1]}}', '{\n  "a": [\n    1\n  ]\n}'],
    ["text", '{"payload": "<b>"}', '"<b>"'],
    ["null", '{"payload": null}', "null"],
    ["none", '{"summary": "s"}', '{"summary": "s"}'],
    ["no JSON", "words", "words"],
  ])("writes %s", (_, data, text) => {
    expect(payloadText(read(data))).toBe(text);
  });

  it("counts no brackets in strings", () => {
    const deep = "[".repeat(50_000) + "]".repeat(50_000);
    for (const [name, text] of [["z", "]".repeat(60_000)], ["a\\\\", "]".repeat(60_000)]]) {
      const data = `{"event_id": "1", "${name}": "${text}", "payload": ${deep}}`;
      expect(payloadText(read(data))).toBe(data);
    }
    const flat = `"${"[".repeat(100)}"`;
    expect(payloadText(read(`{"event_id": "1", "payload": ${flat}}`))).toBe(flat);
  });

  it("leaves what is nested deep as it is", () => {
    const data = `{"payload": ${"[".repeat(5_000)}${"]".repeat(5_000)}}`;
    expect(payloadText(read(data))).toBe(data);
  });
});
