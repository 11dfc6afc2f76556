// Posts with `@microsoft/fetch-event-source` and tells what its callbacks hear; stdin's end aborts it.
import { createRequire } from "node:module";

// All that it uses of a page: timers, fetch, and whether the page is seen.
globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };

const { fetchEventSource } = createRequire(process.env.PACKAGES)("@microsoft/fetch-event-source");
const { url, headers, body } = JSON.parse(process.argv[2]);
const say = (what) => console.log(JSON.stringify(what));
const controller = new AbortController();
process.stdin.on("end", () => controller.abort()).resume();

await fetchEventSource(url, {
  method: "POST",
  headers: { "Content-Type": "application/json", ...headers },
  body,
  signal: controller.signal,
  openWhenHidden: true,
  async onopen(response) {
    say({ status: response.status, type: response.headers.get("Content-Type") });
    if (!response.ok) throw new Error("refused");
  },
  onmessage: ({ event, data, id }) => say({ event, data, id }),
  onclose: () => say({ closed: true }),
  onerror(error) {
    say({ error: String(error) });
    if (error.message === "refused") process.exit(1);
  },
});
say({ done: true });
process.stdin.destroy();
