// Which log events are wanted. Pure: knows events as objects, nothing of the page.

export const LEVELS = ["debug", "info", "warning", "error", "critical"];
export const SKIPPED = "console.skipped";

/** Returns what says whether an event fits all of the filters; what is empty is not asked for.
 *
 * `level` is the least one, `status` a first digit, `route` and `event` are whole names, `text` is anywhere.
 */
export function wantedBy({ text = "", level = "", route = "", status = "", event = "" }) {
  const tests = [];
  const least = LEVELS.indexOf(level);
  const part = text.trim().toLowerCase();
  if (least > 0) tests.push((one) => LEVELS.indexOf(one.level) >= least);
  if (route) tests.push((one) => one.route === route);
  if (event) tests.push((one) => one.event === event);
  if (status) tests.push((one) => Math.floor(one.status / 100) === Number(status));
  if (part) tests.push((one) => JSON.stringify(one).toLowerCase().includes(part));
  return (one) => tests.every((test) => test(one));
}
