// A table whose rows are kept while their contents change, so that the focus and a selection stay.
//
// The roles are written out: where the page is narrow its rows become cards, and then they would lose them.

import { h, setText } from "./dom.js";

const MOST_ROWS = 500;

/** Returns a table; `update(rows)` shows rows, the first column heads each.
 *
 * A column has a `label`, `text(row)`, and where the text is not all there is `content(row)`, which is made
 * anew when the text changes; `kind` is a class of its cells.
 */
export function createTable({ caption, columns, key }) {
  const shown = new Map();
  const body = h("tbody", { role: "rowgroup" });
  const head = h("tr", { role: "row" }, ...columns.map(heading));
  const note = h("p", { class: "note", hidden: true });
  const table = h(
    "table",
    { role: "table", class: "cards" },
    h("caption", {}, caption),
    h("thead", { role: "rowgroup" }, head),
    body,
  );

  function update(rows) {
    const wanted = new Map(rows.slice(0, MOST_ROWS).map((row) => [key(row), row]));
    for (const [id, line] of shown) {
      if (!wanted.has(id)) {
        line.element.remove();
        shown.delete(id);
      }
    }
    let place = body.firstElementChild;
    for (const [id, row] of wanted) {
      const line = shown.get(id) ?? added(id);
      line.fill(row);
      if (line.element === place) place = place.nextElementSibling;
      else body.insertBefore(line.element, place);
    }
    note.hidden = rows.length <= MOST_ROWS;
    setText(
      note,
      note.hidden ? "" : `The first ${MOST_ROWS} of ${rows.length} are shown; filter for others.`,
    );
  }

  function added(id) {
    const line = createLine(columns);
    shown.set(id, line);
    return line;
  }

  return { element: h("div", { class: "table" }, table, note), update };
}

function heading(column) {
  return h("th", { role: "columnheader", scope: "col", class: column.kind }, column.label);
}

function createLine(columns) {
  const cells = columns.map(createCell);
  const element = h("tr", { role: "row" }, ...cells.map((cell) => cell.element));
  return { element, fill: (row) => cells.forEach((cell) => cell.fill(row)) };
}

function createCell(column, place) {
  const element =
    place === 0
      ? h("th", { role: "rowheader", scope: "row", class: column.kind })
      : h("td", { role: "cell", class: column.kind, "data-label": column.label });
  let before;

  function fill(row) {
    const text = column.text(row);
    if (text === before) return;
    before = text;
    if (column.content) element.replaceChildren(...[column.content(row)].flat());
    else element.textContent = text;
  }

  return { element, fill };
}
