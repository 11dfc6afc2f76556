import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const GATEWAY = "http://127.0.0.1:8000";
const CLIENT = new URL("../../../tentaculo/browser/event-source.js", import.meta.url);

export default defineConfig({
  // Relative, so that the panel works beneath whatever path a gateway gives it.
  base: "./",
  plugins: [react()],
  resolve: {
    alias: {
      "tentaculo-event-source": decodeURIComponent(CLIENT.pathname),
    },
  },
  // The served policy knows no data: URL.
  build: { assetsInlineLimit: 0, chunkSizeWarningLimit: 400 },
  server: { proxy: { "/operator": GATEWAY } },
  test: { environment: "node", include: ["src/**/*.test.{ts,tsx}"] },
});
