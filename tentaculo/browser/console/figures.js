// The last two minutes of figures. Pure: a point is `[seconds, value]`, by the gateway's clock.

import { isFigure } from "./format.js";

export const WINDOW_SECONDS = 120;
const GAP_SECONDS = 3.5; // figures come each second: past this the console had not been told

/** Keeps figures for as long as a sparkline shows them. */
export class History {
  #kept = [];

  /** Takes the newest figures; those of a gateway whose clock went back begin anew. */
  add(figures) {
    if (!isFigure(figures?.at)) return;
    if (figures.at < this.latest) this.#kept = [];
    this.#kept.push(figures);
    const oldest = figures.at - WINDOW_SECONDS;
    while (this.#kept[0].at < oldest) this.#kept.shift();
  }

  /** The time of the newest. */
  get latest() {
    return this.#kept.at(-1)?.at ?? -Infinity;
  }

  /** Returns the points of one figure; what is no number is left out. */
  points(pick) {
    return this.#kept.map((figures) => [figures.at, pick(figures)]).filter(([, value]) => isFigure(value));
  }
}

/** Returns the largest value of some lines of points, at least `least`. */
export function peak(lines, least = 0) {
  return lines.flat().reduce((most, [, value]) => Math.max(most, value), least);
}

/** Returns lines of points as those of a drawing, cut where nothing was heard for a while. */
export function drawn(points, { latest, top, width, height }) {
  const parts = [];
  let before = -Infinity;
  for (const [at, value] of points) {
    if (at - before > GAP_SECONDS) parts.push([]);
    parts
      .at(-1)
      .push([round(width * (1 - (latest - at) / WINDOW_SECONDS)), round(height * (1 - value / top))]);
    before = at;
  }
  return parts;
}

function round(value) {
  return Math.round(value * 100) / 100;
}
