import { describe, expect, it } from "vitest";

import { clockTime, count, cut, fullTime, plural, wholeCharacters } from "./format";

describe("times", () => {
  it("are written in full with zeros", () => {
    const at = new Date(2026, 0, 2, 3, 4, 5, 6).getTime();
    expect(clockTime(at)).toBe("03:04:05.006");
  });

  it("are RFC 3339 for machines, and empty beyond what a date can hold", () => {
    expect(fullTime(0)).toBe("1970-01-01T00:00:00.000Z");
    expect(fullTime(9e15)).toBe("");
  });
});

describe("numbers", () => {
  it("have separators, and a noun that fits", () => {
    expect(count(12_345)).toBe("12,345");
    expect([plural(0, "event"), plural(1, "event"), plural(1_000, "event")]).toEqual([
      "0 events",
      "1 event",
      "1,000 events",
    ]);
  });
});

describe("cut", () => {
  it.each([
    ["short", 5, "short"],
    ["longer", 4, "long…"],
    ["ab😀cd", 3, "ab…"],
    ["ab😀cd", 4, "ab😀…"],
    ["", 3, ""],
  ])("%j to %i is %j", (text, length, expected) => {
    expect(cut(text, length)).toBe(expected);
  });

  it("never halves a pair", () => {
    expect(wholeCharacters("😀", 1)).toBe("");
  });
});
