// The newest log events. Pure: who looks at them is told what came.

export const KEPT = 1000;

/** Returns the store; `told(entries)` of each listener gets what was added, null after all was cleared. */
export function createLogStore() {
  const entries = [];
  const listeners = new Set();

  function add(events) {
    const added = events.filter((event) => event !== null && typeof event === "object").slice(-KEPT);
    entries.push(...added);
    if (entries.length > KEPT) entries.splice(0, entries.length - KEPT);
    tell(added);
  }

  function clear() {
    entries.length = 0;
    tell(null);
  }

  function tell(added) {
    for (const told of listeners) told(added);
  }

  return { add, clear, entries, listen: (told) => listeners.add(told) };
}
