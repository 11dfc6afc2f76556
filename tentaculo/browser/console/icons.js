// The few drawings of the console; each stands beside words that say what it means.

import { svg } from "./dom.js";

const PATHS = {
  brand:
    "M4.5 21c0-7 2.3-12 7-12 3.2 0 4.8 2.3 4.8 4.7s-1.6 4-4 4c-1.6 0-2.4-.8-2.4-2.4 0-.9.8-1.6 1.6-1.6" +
    "M5 5h.01M9 3.5h.01M13.3 3.8h.01",
  end: "M6 6l12 12M18 6L6 18",
  leave: "M14 4h4a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-4M10 8l-4 4 4 4M6 12h9",
  reload: "M20 11a8 8 0 1 0-2.3 6.2M20 5v6h-6",
  theme: "M20 14.5A8.5 8.5 0 1 1 9.5 4a6.7 6.7 0 0 0 10.5 10.5z",
  warning: "M12 4l9 16H3zM12 10v4M12 17h.01",
};

/** Draws one. */
export function icon(name) {
  return svg(
    "svg",
    { class: `icon icon-${name}`, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}
