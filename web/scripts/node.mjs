// The page's machine for programs in Node: builds src/node.ts and imports it.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "vite";

const web = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");

export async function importMachine() {
  // Below node_modules, so that it finds v86 and is no part of the tree.
  const outDir = path.join(web, "node_modules/.cache/cairn-node");
  mkdirSync(outDir, { recursive: true });
  await build({
    root: web,
    configFile: false,
    logLevel: "error",
    publicDir: false,
    build: {
      ssr: "src/node.ts",
      outDir,
      emptyOutDir: true,
      target: "node18",
      // By its name Node 18 knows a module; later ones look into it.
      rollupOptions: { output: { entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs" } },
    },
  });
  return import(pathToFileURL(path.join(outDir, "node.mjs")));
}
