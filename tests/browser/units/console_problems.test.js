// @vitest-environment jsdom
import { expect, it, vi } from "vitest";

import { createBanners } from "../../../tentaculo/browser/console/problems.js";

it("shows the first problems of thousands, and how many more there are", () => {
  const say = vi.fn();
  const { element, problems } = createBanners(say);
  problems(Array.from({ length: 3000 }, (_, number) => `file.yaml:${number}:1: wrong`));
  const items = [...element.querySelectorAll("li")].map((item) => item.textContent);
  expect(items).toHaveLength(201);
  expect(items[0]).toBe("file.yaml:0:1: wrong");
  expect(items[200]).toBe("and 2,800 more problems; tentaculo check lists them all");
  expect(say).toHaveBeenCalledWith("Configuration rejected: 3,000 problems.", "bad");
  problems(["file.yaml:1:1: wrong"]);
  expect(element.querySelectorAll("li")).toHaveLength(1);
});
