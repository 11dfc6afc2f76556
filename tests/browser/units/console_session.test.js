/** The console's calls and who is signed in, against answers made up. */

import { describe, expect, test, vi } from "vitest";

import { ApiError, createApi } from "../../../tentaculo/browser/console/api.js";
import { createSession } from "../../../tentaculo/browser/console/session.js";

const json = (body, status = 200) => new Response(JSON.stringify(body), { status });
const failing = async (promise) =>
  promise.then(
    () => null,
    (error) => error,
  );

describe("a call", () => {
  test("carries the token in its header alone, past every cache", async () => {
    const fetch = vi.fn(async () => json({ routes: [] }));
    await createApi(() => "secret-é", { fetch }).remove("/streams/a");
    const [path, options] = fetch.mock.calls[0];
    expect([path, options.method, options.cache, options.credentials, options.redirect]).toEqual([
      "/streams/a",
      "DELETE",
      "no-store",
      "omit",
      "error",
    ]);
    const sent = Uint8Array.from(options.headers.get("Authorization"), (char) => char.charCodeAt(0));
    expect(new TextDecoder().decode(sent)).toBe("Bearer secret-é");
  });

  test.each([
    [
      async () => {
        throw new TypeError("failed");
      },
      0,
      "",
      "The gateway does not answer.",
    ],
    [async () => json({ code: "unauthorized" }, 401), 401, "unauthorized", "does not take this admin token"],
    [async () => json({ code: "draining" }, 503), 503, "draining", "answered 503 (draining)"],
    [async () => new Response("<b>", { status: 502 }), 502, "", "answered 502."],
    [async () => new Response("<b>"), 200, "not_json", "answered 200 (not_json)"],
  ])("that fails says why: %#", async (fetch, status, code, text) => {
    const error = await failing(createApi(() => "secret", { fetch }).get("/routes"));
    expect(error).toBeInstanceOf(ApiError);
    expect([error.status, error.code ?? ""]).toEqual([status, code]);
    expect(error.message).toContain(text);
  });

  test("a rejected configuration is an answer", async () => {
    const fetch = async () => json({ reloaded: false, problems: ["one"] }, 422);
    expect(await createApi(() => "secret", { fetch }).post("/reload")).toMatchObject({ problems: ["one"] });
  });

  test("a token that no header can carry is refused without a call", async () => {
    const fetch = vi.fn();
    const error = await failing(createApi(() => "a\nb", { fetch }).get("/routes"));
    expect(error.status).toBe(401);
    expect(fetch).not.toHaveBeenCalled();
  });
});

describe("a session", () => {
  test("keeps a token that the gateway took, without the spaces around it", async () => {
    const session = createSession({ ended: vi.fn(), fetch: async () => json({}) });
    await session.signIn("  secret\n");
    expect(session.token()).toBe("secret");
  });

  test.each(["", "   ", "wrong"])("keeps none that it did not take: %o", async (token) => {
    const ended = vi.fn();
    const session = createSession({ ended, fetch: async () => json({ code: "unauthorized" }, 401) });
    expect((await failing(session.signIn(token))).status).toBe(401);
    expect(session.token()).toBe("");
    expect(ended).not.toHaveBeenCalled();
  });

  test("ends once when a call is refused, and says why", async () => {
    let answer = json({});
    const ended = vi.fn();
    const session = createSession({ ended, fetch: async () => answer.clone() });
    await session.signIn("secret");
    answer = json({ code: "unauthorized" }, 401);
    await Promise.all([failing(session.api.get("/routes")), failing(session.api.get("/upstreams"))]);
    expect(session.token()).toBe("");
    expect(ended).toHaveBeenCalledTimes(1);
    expect(ended.mock.calls[0][0]).toContain("no longer takes");
  });

  test("that was left says nothing", async () => {
    const ended = vi.fn();
    const session = createSession({ ended, fetch: async () => json({}) });
    await session.signIn("secret");
    session.end();
    expect(ended.mock.calls).toEqual([[""]]);
  });
});
