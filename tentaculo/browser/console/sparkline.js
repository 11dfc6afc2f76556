// A small line of the last two minutes, with words for those who do not see it.

import { setAttribute, svg } from "./dom.js";
import { drawn, peak } from "./figures.js";

const WIDTH = 240;
const HEIGHT = 40;
const MARGIN = 2; // so that a line at the edge is as thick as elsewhere

/** Returns a drawing of as many lines as there are names; `draw(lines, latest, words)` draws it anew. */
export function createSparkline(names, { least = 1 } = {}) {
  const area = svg("path", { class: "area" });
  const strokes = names.map((name) => svg("path", { class: `stroke stroke-${name}` }));
  const element = svg(
    "svg",
    {
      class: "sparkline",
      role: "img",
      "aria-label": "No figures yet",
      preserveAspectRatio: "none",
      viewBox: `0 ${-MARGIN} ${WIDTH} ${HEIGHT + 2 * MARGIN}`,
    },
    area,
    ...strokes,
  );

  function draw(lines, latest, words) {
    const frame = { latest, top: peak(lines, least), width: WIDTH, height: HEIGHT };
    const parts = lines.map((points) => drawn(points, frame));
    strokes.forEach((stroke, place) => setAttribute(stroke, "d", parts[place].map(lineOf).join("")));
    setAttribute(area, "d", lines.length === 1 ? parts[0].map(areaOf).join("") : "");
    setAttribute(element, "aria-label", words);
  }

  return { element, draw };
}

function lineOf(points) {
  const [first] = points;
  // A single point is a line of no length, which round ends make a dot.
  return `M${first}${points.map((point) => `L${point}`).join("")}`;
}

function areaOf(points) {
  return `${lineOf(points)}V${HEIGHT}H${points[0][0]}Z`;
}
