/** Which tabs share a stream: those whose principal token is the same. */

/**
 * Name a token without telling it. Where the page may not digest (plain HTTP from another machine) it may
 * not hold locks either, and every tab has a stream of its own.
 */
export async function groupOf(token: string): Promise<string | true> {
  if (!globalThis.crypto?.subtle) return true;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return Array.from(new Uint8Array(digest).slice(0, 12), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
}
