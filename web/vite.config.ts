import { readFileSync } from "node:fs";
import { defineConfig } from "vite";

const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
  packages: Record<string, { version?: string }>;
};
const v86Version = lock.packages["node_modules/v86"]?.version ?? "";

// `npm run dev` shows the page with the data of a running daemon.
const daemon = process.env["CAIRN_WEB"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  define: { __V86_VERSION__: JSON.stringify(v86Version) },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    // v86's code is one file, of the worker's.
    chunkSizeWarningLimit: 700,
  },
  worker: { format: "es" },
  server: {
    proxy: {
      "/api": { target: daemon, changeOrigin: true },
      "/vm": { target: daemon, changeOrigin: true },
      "/ws": { target: daemon, changeOrigin: true, ws: true },
    },
  },
  test: { include: ["src/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);
