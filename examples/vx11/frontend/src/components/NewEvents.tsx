import { plural } from "../events/format";
import { Glyph } from "./icons";

/** Leads back to the end of the list while it is scrolled away from it. */
export function NewEvents({ count, onShow }: { count: number; onShow: () => void }) {
  if (count === 0) return null;
  return (
    <button type="button" className="button new-events" onClick={onShow}>
      <Glyph name="down" />
      {plural(count, "new event")}
    </button>
  );
}
