// The figures of the overview, each with its last two minutes.

import { h, setText } from "./dom.js";
import { peak } from "./figures.js";
import { count, milliseconds, percent, rate } from "./format.js";
import { createSparkline } from "./sparkline.js";

const perSecond = (value) => `${rate(value)}/s`;

const TILES = [
  { title: "Calls", write: perSecond, lines: [["calls", "", (f) => f.calls_per_second]] },
  {
    title: "Error rate",
    write: percent,
    least: 0.01,
    tone: "bad",
    lines: [["errors", "", (f) => f.error_rate]],
  },
  {
    title: "Latency",
    write: milliseconds,
    hint: "of the last 10 s",
    tone: "wide",
    lines: [
      ["p50", "p50", (f) => f.latency_ms.p50],
      ["p90", "p90", (f) => f.latency_ms.p90],
      ["p99", "p99", (f) => f.latency_ms.p99],
    ],
  },
  { title: "Open streams", write: count, tone: "wide", lines: [["streams", "", (f) => f.open_streams]] },
  { title: "Tokens issued", write: perSecond, lines: [["issued", "", (f) => f.tokens.issued_per_second]] },
  {
    title: "Tokens refused",
    write: perSecond,
    tone: "bad",
    lines: [["refused", "", (f) => f.tokens.refused_per_second]],
  },
];

/** Returns the tiles; `draw(history, figures)` shows the newest figures. */
export function createTiles() {
  const tiles = TILES.map(createTile);
  return {
    element: h("div", { class: "tiles" }, ...tiles.map((tile) => tile.element)),
    draw: (history, figures) => tiles.forEach((tile) => tile.draw(history, figures)),
  };
}

function createTile({ title, write, lines, least = 1, tone = "", hint = "" }) {
  const values = lines.map(() => h("span", { class: "value" }, "–"));
  const rows = lines.map(([name, label], place) =>
    h(
      "span",
      { class: `figure figure-${name}` },
      label ? h("span", { class: "label" }, label) : null,
      values[place],
    ),
  );
  const most = h("p", { class: "most" });
  const sparkline = createSparkline(
    lines.map(([name]) => name),
    { least },
  );
  const element = h(
    "section",
    { class: `tile ${tone}`, "aria-label": title },
    h("h2", {}, title, hint ? h("span", { class: "hint" }, ` ${hint}`) : null),
    h("p", { class: "figures" }, ...rows),
    sparkline.element,
    most,
  );

  function draw(history, figures) {
    lines.forEach(([, , pick], place) => setText(values[place], write(pick(figures))));
    const points = lines.map(([, , pick]) => history.points(pick));
    const hasPoints = points.some((line) => line.length);
    const highest = hasPoints ? write(peak(points)) : "none";
    setText(most, `Peak in 2 min: ${highest}`);
    sparkline.draw(points, history.latest, `${title} of the last two minutes, peak ${highest}`);
  }

  return { element, draw };
}
