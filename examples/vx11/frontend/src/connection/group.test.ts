import { expect, it } from "vitest";

import { groupOf } from "./group";

it("names a token without telling it, each by another name", async () => {
  const [one, same, other] = await Promise.all(["token-one", "token-one", "token-two"].map(groupOf));
  expect(one).toMatch(/^[0-9a-f]{24}$/);
  expect(same).toBe(one);
  expect(other).not.toBe(one);
});
