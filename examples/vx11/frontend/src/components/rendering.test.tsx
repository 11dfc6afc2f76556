import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";

import { IDLE } from "../connection/connection";
import { event } from "../testing/events";
import { ConnectForm } from "./ConnectForm";
import { EmptyState } from "./EmptyState";
import { EventRow } from "./EventRow";
import { FIRST_CHARACTERS, LongText } from "./LongText";
import { NewEvents } from "./NewEvents";

const nothing = () => {};
const row = (changes: object, open = false) =>
  renderToStaticMarkup(
    <EventRow
      event={event(1, changes)}
      open={open}
      highlighted={false}
      onToggle={nothing}
      onFilterText={nothing}
      reveal={nothing}
    />,
  );

describe("EventRow", () => {
  it("shows markup as text, in every field", () => {
    const markup = "<script>alert(1)</script>";
    const fields = { summary: markup, module: markup, type: markup, correlationId: markup, data: markup };
    expect(row(fields, true)).not.toContain("<script");
  });

  it("stays small whatever it is given", () => {
    const long = "x".repeat(100_000);
    expect(row({ summary: long, module: long, type: long, correlationId: long }).length).toBeLessThan(2_500);
  });

  it("says whether it is open", () => {
    expect(row({})).toContain('aria-expanded="false"');
    expect(row({}, true)).toMatch(/aria-expanded="true" aria-controls="event-1".*id="event-1"/s);
  });
});

describe("LongText", () => {
  it("cuts a long value and says how much is missing", () => {
    const markup = renderToStaticMarkup(<LongText text={"x".repeat(FIRST_CHARACTERS + 1_000)} />);
    expect(markup).toContain("Show all");
    expect(markup).toContain("1,000 of 3,000 characters are not shown.");
  });

  it("comes piece by piece when it is huge", () => {
    expect(renderToStaticMarkup(<LongText text={"x".repeat(5_000_000)} code />)).toContain(
      "Show 100,000 more",
    );
  });

  it("leaves a short one alone", () => {
    expect(renderToStaticMarkup(<LongText text="short" />)).not.toContain("button");
  });
});

describe("EmptyState", () => {
  const empty = (phase: typeof IDLE.phase, hidden = 0) =>
    renderToStaticMarkup(
      <EmptyState
        connection={{ ...IDLE, phase }}
        hidden={hidden}
        paused={false}
        onReset={hidden ? nothing : null}
      />,
    );

  it("is another one for each reason", () => {
    const states = [
      empty("connecting"),
      empty("connected"),
      empty("offline"),
      empty("error"),
      empty("connected", 2),
    ];
    expect(new Set(states).size).toBe(5);
    expect(empty("connected", 2)).toContain("The filters hide 2 events.");
  });
});

describe("ConnectForm", () => {
  it("has a field that no form could send", () => {
    const markup = renderToStaticMarkup(<ConnectForm large onConnect={nothing} />);
    expect(markup).not.toMatch(/ name=| action=| method=/);
    expect(markup).toContain('type="password"');
  });
});

describe("NewEvents", () => {
  it("is there when there is something new", () => {
    expect(renderToStaticMarkup(<NewEvents count={0} onShow={nothing} />)).toBe("");
    expect(renderToStaticMarkup(<NewEvents count={1} onShow={nothing} />)).toContain("1 new event<");
  });
});
