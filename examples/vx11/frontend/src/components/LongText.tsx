import { useState } from "react";

import { count, wholeCharacters } from "../events/format";

export const FIRST_CHARACTERS = 2_000;
/** A browser takes seconds to lay out megabytes of one line, so they come piece by piece. */
export const MORE_CHARACTERS = 100_000;

/** Shows the beginning of a text, and the rest when asked. */
export function LongText({ text, code = false }: { text: string; code?: boolean }) {
  const [length, setLength] = useState(FIRST_CHARACTERS);
  const shown = text.length > length ? wholeCharacters(text, length) : text;
  const rest = text.length - shown.length;
  const step = rest > MORE_CHARACTERS ? `Show ${count(MORE_CHARACTERS)} more` : "Show all";
  return (
    <div className="long">
      {code ? (
        <pre tabIndex={0} aria-label="Payload">
          {shown}
        </pre>
      ) : (
        <bdi className="text">{shown}</bdi>
      )}
      {rest > 0 && (
        <p className="more">
          <button type="button" className="button small" onClick={() => setLength(length + MORE_CHARACTERS)}>
            {step}
          </button>
          {count(rest)} of {count(text.length)} characters are not shown.
        </p>
      )}
    </div>
  );
}
