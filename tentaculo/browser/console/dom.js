// Makes elements. Text is always text: nothing here reads markup, so what a log line holds stays what it is.

const SVG = "http://www.w3.org/2000/svg";
let fields = 0;

/** Makes an HTML element; properties that begin with `on` are listeners, null and false are left out. */
export function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** Makes an SVG element in the same way. */
export function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

/** Sets an element's text, where it is another one: what has not changed is not drawn again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute, where it is another one; null takes it away. */
export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Makes text that only a screen reader says. */
export function spoken(text) {
  return h("span", { class: "spoken" }, text);
}

/** Makes a labelled choice of `[value, text]` pairs. */
export function choice(label, pairs, onchange) {
  const select = h("select", { id: `field-${++fields}`, onchange }, ...options(pairs));
  return { element: field(label, select), select };
}

/** Makes the options of a choice. */
export function options(pairs) {
  return pairs.map(([value, text]) => h("option", { value }, text));
}

/** Makes a labelled line of text that filters. */
export function searchField(label, oninput, placeholder = "") {
  const input = h("input", {
    id: `field-${++fields}`,
    type: "search",
    autocomplete: "off",
    spellcheck: "false",
    autocapitalize: "off",
    placeholder,
    oninput,
  });
  return { element: field(label, input, "field grows"), input };
}

function field(label, control, kind = "field") {
  return h("div", { class: kind }, h("label", { for: control.id }, label), control);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
