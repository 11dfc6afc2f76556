// A question before what can't be taken back. Cancelling is the answer that the Enter key gives.

import { h } from "./dom.js";

/** Asks, and returns whether the answer was yes; the focus then is where it was. */
export function confirm({ title, text, yes }) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text", onclose: answer },
      h("h2", { id: "confirm-title" }, title),
      h("p", { id: "confirm-text" }, text),
      h(
        "form",
        { method: "dialog", class: "actions" },
        h("button", { value: "no", autofocus: true }, "Cancel"),
        h("button", { value: "yes", class: "danger" }, yes),
      ),
    );

    function answer() {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    }

    document.body.append(dialog);
    dialog.showModal();
  });
}
