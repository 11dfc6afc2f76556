import { describe, expect, it } from "vitest";

import { Batch } from "./batch";

function scheduled() {
  const due: (() => void)[] = [];
  const schedule = (work: () => void) => {
    due.push(work);
    return () => due.splice(due.indexOf(work), 1);
  };
  return { due, schedule };
}

describe("Batch", () => {
  it("hands on once what came before the frame", () => {
    const { due, schedule } = scheduled();
    const delivered: (readonly number[])[] = [];
    const batch = new Batch<number>((items) => delivered.push(items), schedule);
    for (const item of [1, 2, 3]) batch.add(item);
    expect([delivered, due.length]).toEqual([[], 1]);
    due[0]?.();
    expect([delivered, due.length]).toEqual([[[1, 2, 3]], 0]);
    batch.add(4);
    due[0]?.();
    expect(delivered).toEqual([[1, 2, 3], [4]]);
  });

  it("says nothing where nothing came", () => {
    const delivered: unknown[] = [];
    new Batch<number>((items) => delivered.push(items), scheduled().schedule).flush();
    expect(delivered).toEqual([]);
  });
});
