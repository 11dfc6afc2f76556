import { describe, expect, it } from "vitest";

import { event } from "../testing/events";
import { MOST_MODULES, NO_FILTERS, applyFilters, isFiltering, modulesOf, toggleSeverity } from "./filters";

const EVENTS = [
  event(1, { severity: "error", module: "madre", summary: "A Lost consumer" }),
  event(2, { severity: "info", module: "switch", correlationId: "c-77" }),
  event(3, { severity: "warn", module: "madre" }),
];
const found = (changes: Partial<typeof NO_FILTERS>) =>
  applyFilters(EVENTS, { ...NO_FILTERS, ...changes }).map((one) => one.key);

describe("applyFilters", () => {
  it.each([
    ["nothing", {}, [1, 2, 3]],
    ["severities", { severities: ["error", "warn"] as const }, [1, 3]],
    ["no severity at all", { severities: [] }, []],
    ["a module", { module: "madre" }, [1, 3]],
    ["text of any case, with space around it", { text: " LOST " }, [1]],
    ["a correlation id", { text: "c-77" }, [2]],
    ["signs that mean something in patterns", { text: ".*" }, []],
    ["several at once", { module: "madre", severities: ["warn"] as const, text: "summary" }, [3]],
  ])("filters by %s", (_, changes, keys) => {
    expect(found(changes)).toEqual(keys);
  });

  it("hands the same list on where nothing is filtered", () => {
    expect(applyFilters(EVENTS, NO_FILTERS)).toBe(EVENTS);
    expect(isFiltering({ ...NO_FILTERS, text: "  " })).toBe(false);
  });
});

describe("toggleSeverity", () => {
  it("takes a severity away and puts it back in its place", () => {
    const without = toggleSeverity(NO_FILTERS, "error");
    expect(without.severities).toEqual(["critical", "warn", "info"]);
    expect(toggleSeverity(without, "error").severities).toEqual(NO_FILTERS.severities);
  });
});

describe("modulesOf", () => {
  it("names each module once, in order, and the chosen one always", () => {
    expect(modulesOf(EVENTS, "")).toEqual(["madre", "switch"]);
    expect(modulesOf([], "gone")).toEqual(["gone"]);
  });

  it("is bounded", () => {
    const many = Array.from({ length: 500 }, (_, index) => event(index, { module: `m${index}` }));
    expect(modulesOf(many, "")).toHaveLength(MOST_MODULES);
  });
});
