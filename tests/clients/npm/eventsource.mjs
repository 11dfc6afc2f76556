// Opens a stream with `eventsource` and tells what its listeners hear; ends when stdin does.
import { createRequire } from "node:module";

const { EventSource } = createRequire(process.env.PACKAGES)("eventsource");
const { url, headers, types = ["message"] } = JSON.parse(process.argv[2]);
const say = (what) => console.log(JSON.stringify(what));

const source = new EventSource(url, {
  fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }),
});
source.onopen = () => say({ open: true });
source.onerror = ({ code }) => say({ error: code ?? null, closed: source.readyState === source.CLOSED });
for (const type of types) {
  source.addEventListener(type, ({ data, lastEventId }) => say({ type, data, id: lastEventId }));
}
process.stdin.on("end", () => source.close()).resume();
