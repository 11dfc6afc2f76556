// Begins: the sign-in, then the console, then the sign-in again.

import { openConsole } from "./console.js";
import { createSession } from "./session.js";
import { createSignIn } from "./sign-in.js";

const page = document.getElementById("page");

function begin(message = "") {
  let opened = null;
  const session = createSession({
    ended: (why) => {
      opened?.close();
      for (const dialog of document.querySelectorAll("dialog")) dialog.close("no");
      begin(why);
    },
  });

  async function signIn(token) {
    await session.signIn(token);
    opened = openConsole({ session, signOut: () => session.end() });
    page.replaceChildren(opened.element);
    opened.open();
    opened.focus();
  }

  const first = createSignIn({ signIn, message });
  page.replaceChildren(first.element);
  first.focus();
}

begin();
