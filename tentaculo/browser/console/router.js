// Sections by the URL's hash, such as `#/streams?route=events`. No secret is ever in it.

/** Returns the section and its parameters; `known` are the sections, the first one is the usual one. */
export function parseHash(hash, known) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const section = known.includes(path) ? path : known[0];
  return { section, params: new URLSearchParams(section === path ? query : "") };
}

/** Returns the hash of a section. */
export function hashOf(section, params = {}) {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value)).toString();
  return query ? `#/${section}?${query}` : `#/${section}`;
}
