/** How the console writes figures, times and texts that others chose. */

import { describe, expect, test } from "vitest";

import {
  bytes,
  capped,
  clock,
  count,
  counted,
  duration,
  milliseconds,
  percent,
  rate,
  visible,
} from "../../../tentaculo/browser/console/format.js";

const NOTHING = [undefined, null, NaN, Infinity, "7", {}];

describe("figures", () => {
  test.each([count, rate, percent, milliseconds, duration, bytes])("%o of none is a dash", (write) => {
    for (const value of NOTHING) expect(write(value)).toBe("–");
  });

  test.each([
    [
      count,
      [
        [0, "0"],
        [999, "999"],
        [1234567, "1,234,567"],
      ],
    ],
    [
      rate,
      [
        [0, "0"],
        [0.04, "< 0.1"],
        [7, "7.0"],
        [99.94, "99.9"],
        [99.95, "100"],
        [12345.6, "12,346"],
      ],
    ],
    [
      percent,
      [
        [0, "0 %"],
        [0.0004, "< 0.1 %"],
        [0.001, "0.1 %"],
        [0.125, "12.5 %"],
        [1, "100 %"],
      ],
    ],
    [
      milliseconds,
      [
        [0, "0.0 ms"],
        [9.94, "9.9 ms"],
        [9.96, "10 ms"],
        [999.4, "999 ms"],
        [1500, "1.5 s"],
        [59_949, "59.9 s"],
        [60_000, "1 min 0 s"],
      ],
    ],
    [
      duration,
      [
        [-1, "0 s"],
        [0.9, "0 s"],
        [59.9, "59 s"],
        [60, "1 min 0 s"],
        [3599, "59 min 59 s"],
        [3600, "1 h 0 min"],
        [86_399, "23 h 59 min"],
        [86_400, "1 d 0 h"],
        [1e8, "1,157 d 9 h"],
      ],
    ],
    [
      bytes,
      [
        [0, "0 B"],
        [1023, "1,023 B"],
        [1024, "1.0 KiB"],
        [1024 ** 2 - 1, "1.0 MiB"],
        [5 * 1024 ** 3, "5.0 GiB"],
        [1024 ** 5, "1,024.0 TiB"],
      ],
    ],
  ])("%o", (write, cases) => {
    for (const [value, text] of cases) expect(write(value)).toBe(text);
  });

  test("a number has its noun", () => {
    expect([counted(1, "line"), counted(0, "line"), counted(2, "entry", "entries")]).toEqual([
      "1 line",
      "0 lines",
      "2 entries",
    ]);
  });
});

test("the time of day is local, and nothing where there is none", () => {
  const at = new Date(2026, 0, 2, 3, 4, 5, 6);
  expect(clock(at.toISOString())).toBe("03:04:05.006");
  for (const wrong of [undefined, null, "", "yesterday", "<b>"]) expect(clock(wrong)).toBe("");
});

describe("texts", () => {
  test("what hides or turns others is shown as a sign", () => {
    expect(visible("a\n\x1b[31m\x7f")).toBe("a␊␛[31m␡");
    expect(visible("\u0085\u202e\u2066\u200f\u061c")).toBe("\ufffd".repeat(5));
  });

  test("what is readable stays", () => {
    for (const text of ["", "señal <b>&amp;</b>", "雲 😀", "שלום"]) expect(visible(text)).toBe(text);
  });

  test("a long one is cut, and how much is said", () => {
    expect(capped("abc", 3)).toBe("abc");
    expect(capped("x".repeat(2003), 3)).toBe("xxx… (2,000 more characters)");
  });
});
