// Who is signed in. The admin token is in this closure and nowhere else: a reload of the page forgets it.

import { ApiError, createApi } from "./api.js";

/** Returns a session; `ended(message)` is called once, when the gateway no longer takes the token. */
export function createSession({ ended, fetch }) {
  let token = "";

  function end(message = "") {
    if (!token) return;
    token = "";
    ended(message);
  }

  const api = createApi(() => token, {
    fetch,
    refused: () => end("The gateway no longer takes this admin token. Sign in with the present one."),
  });

  /** Asks the gateway whether it takes the token, and keeps it then; throws an ApiError. */
  async function signIn(given) {
    const tried = given.trim();
    if (!tried) throw new ApiError(401, "unauthorized");
    await createApi(() => tried, { fetch }).get("/upstreams");
    token = tried;
  }

  return { api, end, signIn, token: () => token };
}
