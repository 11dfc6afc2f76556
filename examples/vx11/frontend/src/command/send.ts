/** Posts a command to the operator. */

export const COMMANDS_PATH = "/operator/api/commands";
const ANSWER_WITHIN = 15_000;

export interface Answer {
  readonly ok: boolean;
  /** The HTTP status, 0 when the network failed. */
  readonly code: number;
  readonly reason: string;
}

export async function sendCommand(text: string, token: string, correlationId: string): Promise<Answer> {
  try {
    const response = await fetch(COMMANDS_PATH, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "X-VX11-Token": token,
        "X-Correlation-Id": correlationId,
      },
      body: JSON.stringify({ command: text }),
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(ANSWER_WITHIN),
    });
    return {
      ok: response.ok,
      code: response.status,
      reason: response.ok ? "" : await reasonOf(response),
    };
  } catch {
    return { ok: false, code: 0, reason: "" };
  }
}

/** A random UUID also where `crypto.randomUUID` is not: on a page of plain HTTP. */
export function newCorrelationId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

async function reasonOf(response: Response): Promise<string> {
  try {
    const problem = (await response.json()) as { code?: unknown };
    return typeof problem.code === "string" ? problem.code : "";
  } catch {
    return "";
  }
}
