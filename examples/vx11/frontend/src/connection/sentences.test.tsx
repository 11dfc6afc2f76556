import { renderToStaticMarkup } from "react-dom/server";
import { describe as group, expect, it } from "vitest";

import { StatusBanner } from "../components/StatusBanner";
import { IDLE, type Connection, type Phase } from "./connection";
import { PHASE_WORDS, describe, failure } from "./sentences";

const state = (phase: Phase, changes: Partial<Connection> = {}): Connection => ({
  ...IDLE,
  phase,
  ...changes,
});
const shown = (connection: Connection) =>
  renderToStaticMarkup(<StatusBanner connection={connection} onReconnect={() => {}} />);

group("describe", () => {
  it("has another sentence for every state", () => {
    const sentences = (Object.keys(PHASE_WORDS) as Phase[]).map((phase) => describe(state(phase)));
    expect(new Set(sentences).size).toBe(5);
  });

  it("tells 401, 403, 429 and 503 apart", () => {
    const sentences = [401, 403, 429, 503].map((code) => describe(state("error", { code })));
    expect(new Set(sentences).size).toBe(4);
    for (const [index, code] of [401, 403, 429, 503].entries())
      expect(sentences[index]).toContain(`(${code})`);
  });

  it("says whether it comes back by itself", () => {
    expect(failure(429, "", true)).toContain("tries again by itself");
    expect(failure(401, "", false)).not.toContain("tries again");
  });

  it.each([
    [502, "failed (502)"],
    [418, "refused (418)"],
    [0, "connection failed"],
  ])("has words for %i", (code, words) => {
    expect(failure(code, "", false)).toContain(words);
  });

  it("knows what the gateway says last", () => {
    expect(describe(state("connecting", { reason: "draining" }))).toBe(
      "The gateway restarts. The event stream is being opened…",
    );
  });

  it("tells a device without network from a gateway out of reach", () => {
    expect(describe(state("offline", { reason: "device" }))).not.toBe(describe(state("offline")));
  });
});

group("StatusBanner", () => {
  it.each<[Connection, boolean]>([
    [state("connecting"), false],
    [state("connected"), false],
    [state("offline", { retrying: true }), true],
    [state("error", { code: 503, retrying: true }), true],
    [state("error", { code: 404 }), true],
    [state("error", { code: 401 }), false],
  ])("offers to reconnect where that can help: %o", (connection, offered) => {
    expect(shown(connection).includes("Reconnect")).toBe(offered);
    expect(shown(connection)).toContain(PHASE_WORDS[connection.phase]);
  });

  it("shows a reason as text, and a part of a long one", () => {
    const markup = shown(state("error", { code: 503, reason: `<b>${"x".repeat(500)}` }));
    expect(markup).toContain("&lt;b&gt;");
    expect(markup.length).toBeLessThan(1_000);
  });
});
