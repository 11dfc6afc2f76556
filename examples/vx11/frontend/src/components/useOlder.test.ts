import { expect, it } from "vitest";

import { events } from "../testing/events";
import { indexFrom } from "./useOlder";

it.each([
  ["kept", 12, 2],
  ["gone, so that all are newer", 3, 0],
  ["newer than all", 99, 5],
])("finds the first row from an event that is %s", (_, key, index) => {
  expect(indexFrom(events(10, 14), key)).toBe(index);
});
