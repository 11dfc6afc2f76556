/** Gathers what arrives, to hand it on once a frame: at 500 events a second no event is worth a rendering. */

export type Schedule = (work: () => void) => () => void;

/** Frames stand still in a hidden tab; timers only get slow. */
export const nextFrame: Schedule = (work) => {
  if (document.visibilityState === "hidden") {
    const timer = setTimeout(work, 250);
    return () => clearTimeout(timer);
  }
  const frame = requestAnimationFrame(work);
  // A tab that is hidden now gets no frame, so a timer stands behind it.
  const timer = setTimeout(work, 1_000);
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
};

export class Batch<T> {
  #items: T[] = [];
  #cancel: (() => void) | null = null;
  readonly #deliver: (items: readonly T[]) => void;
  readonly #schedule: Schedule;

  constructor(deliver: (items: readonly T[]) => void, schedule: Schedule = nextFrame) {
    this.#deliver = deliver;
    this.#schedule = schedule;
  }

  add(item: T): void {
    this.#items.push(item);
    this.#cancel ??= this.#schedule(() => this.flush());
  }

  flush(): void {
    this.#cancel?.();
    this.#cancel = null;
    const items = this.#items;
    this.#items = [];
    if (items.length > 0) this.#deliver(items);
  }
}
