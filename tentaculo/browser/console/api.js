// Calls of the admin API. Each carries the token that `token()` returns then; none is kept by a cache.

const LONGEST_MS = 15_000;
const UNPROCESSABLE = 422; // a rejected configuration: an answer like any other

/** A call that failed; `status` is 0 where the gateway did not answer. */
export class ApiError extends Error {
  constructor(status, code = "") {
    super(told(status, code));
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }
}

/** Returns `get`, `post` and `remove`, each of a path; they return the answer's JSON or throw an ApiError. */
export function createApi(
  token,
  { fetch = (...call) => globalThis.fetch(...call), refused = () => {} } = {},
) {
  async function call(method, path) {
    try {
      return await asked(fetch, method, path, token());
    } catch (error) {
      if (error.status === 401) refused();
      throw error;
    }
  }
  return {
    get: (path) => call("GET", path),
    post: (path) => call("POST", path),
    remove: (path) => call("DELETE", path),
  };
}

async function asked(fetch, method, path, token) {
  const headers = fields(token);
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(LONGEST_MS),
    });
  } catch {
    throw new ApiError(0);
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok && answer.status !== UNPROCESSABLE) throw new ApiError(answer.status, body?.code);
  if (body === null) throw new ApiError(answer.status, "not_json");
  return body;
}

function fields(token) {
  // A header of fetch is a string of bytes.
  const sent = Array.from(new TextEncoder().encode(token), (byte) => String.fromCharCode(byte)).join("");
  try {
    return new Headers({ Accept: "application/json", Authorization: `Bearer ${sent}` });
  } catch {
    throw new ApiError(401, "unauthorized"); // what no header can carry is in no token
  }
}

function told(status, code) {
  if (status === 0) return "The gateway does not answer.";
  if (status === 401) return "The gateway does not take this admin token.";
  if (status === 404 && code === "not_found") return "The gateway knows nothing of this.";
  return `The gateway answered ${status}${code ? ` (${code})` : ""}.`;
}
