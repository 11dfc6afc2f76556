// Short words for states: the color only repeats what the word says.

import { h } from "./dom.js";

const SERVER_KINDS = { up: "good", slow_start: "told", half_open: "warned", ejected: "bad", down: "bad" };
const SERVER_WORDS = { slow_start: "slow start", half_open: "half open" };

/** Makes one; `kind` is good, told, warned, bad or plain. */
export function badge(text, kind = "plain") {
  return h("span", { class: `badge ${kind}` }, text);
}

/** Returns the states of a route as `[word, kind]` pairs. */
export function routeStates(route) {
  const states = [route.enabled ? ["enabled", "good"] : ["disabled", "bad"]];
  if (route.maintenance) states.push(["maintenance", "warned"]);
  if (route.stream) states.push(["stream", "told"]);
  if (route.shared) states.push(["shared", "told"]);
  return states;
}

/** Returns the state of a server as such a pair. */
export function serverState(state) {
  return [SERVER_WORDS[state] ?? state, SERVER_KINDS[state] ?? "plain"];
}

/** Returns the state of the gateway as such a pair. */
export function gatewayState({ ready, draining }) {
  if (draining) return ["draining", "warned"];
  return ready ? ["ready", "good"] : ["not ready", "bad"];
}
