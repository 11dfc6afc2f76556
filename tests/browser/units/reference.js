/** A slow and plain reading of an event stream: WHATWG HTML, 9.2.6, step by step, from all of its bytes. */

function linesOf(text) {
  const lines = [];
  let line = "";
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] !== "\r" && text[at] !== "\n") {
      line += text[at];
      continue;
    }
    if (text[at] === "\r" && text[at + 1] === "\n") at += 1;
    lines.push(line);
    line = "";
  }
  return lines; // what has no end is no line
}

function fieldOf(line) {
  const colon = line.indexOf(":");
  if (colon === -1) return [line, ""];
  const value = line.slice(colon + 1);
  return [line.slice(0, colon), value.startsWith(" ") ? value.slice(1) : value];
}

/** Return the events as [type, data, last id], the id to come back with, and the last retry. */
export function read(bytes) {
  const events = [];
  let [data, type, id, lastId, retry] = ["", "", "", "", null];
  for (const line of linesOf(new TextDecoder().decode(bytes))) {
    const [name, value] = fieldOf(line);
    if (line === "") {
      lastId = id;
      if (data !== "") events.push([type || "message", data.slice(0, -1), lastId]);
      [data, type] = ["", ""];
    } else if (name === "data") data += `${value}\n`;
    else if (name === "event") type = value;
    else if (name === "id" && !value.includes("\0")) id = value;
    else if (name === "retry" && /^[0-9]+$/.test(value)) retry = Number(value);
  }
  return { events, lastId, retry };
}
