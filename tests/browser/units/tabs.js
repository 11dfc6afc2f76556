/** Locks and channels of tabs that are all in this process; everything comes in the order it was sent. */

import { vi } from "vitest";

const later = (work) => void Promise.resolve().then(work);

/** The Web Locks that the client uses: one holder a name, the others in a row. */
class Locks {
  #rows = new Map();

  request(name, { signal }, callback) {
    return new Promise((resolve, reject) => {
      const row = this.#rows.get(name) ?? [];
      const waiting = { callback, signal, resolve };
      this.#rows.set(name, row);
      row.push(waiting);
      signal.addEventListener("abort", () => {
        if (!row.includes(waiting) || waiting.held) return;
        row.splice(row.indexOf(waiting), 1);
        reject(signal.reason);
      });
      later(() => this.#grant(row));
    });
  }

  async #grant(row) {
    const [first] = row;
    if (!first || first.held) return;
    first.held = true;
    first.resolve(await first.callback());
    row.shift();
    this.#grant(row);
  }
}

/** Every message reaches every other channel of the name, but those that are closed or deaf. */
function channels(open) {
  return class {
    deaf = false;

    constructor(name) {
      this.name = name;
      open.add(this);
    }

    postMessage(message) {
      if (!open.has(this)) throw new DOMException("closed", "InvalidStateError");
      for (const other of open) {
        if (other === this || other.name !== this.name || other.deaf) continue;
        const data = structuredClone(message);
        later(() => open.has(other) && other.onmessage?.({ data }));
      }
    }

    close() {
      open.delete(this);
    }
  };
}

/** Give this process the locks and channels of one origin; return the channels that are open. */
export function originOfTabs() {
  const open = new Set();
  vi.stubGlobal("BroadcastChannel", channels(open));
  vi.stubGlobal("navigator", { onLine: true, locks: new Locks() });
  return open;
}
