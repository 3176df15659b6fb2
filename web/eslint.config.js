import { fileURLToPath } from "node:url";
import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist", "node_modules"] },
  js.configs.recommended,
  {
    files: ["src/**/*.{ts,tsx}"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: fileURLToPath(new URL(".", import.meta.url)) },
    },
    rules: {
      "max-lines": ["error", { max: 400, skipComments: true }],
      "max-lines-per-function": ["error", { max: 120, skipComments: true }],
      "@typescript-eslint/no-empty-function": "off",
      "@typescript-eslint/no-invalid-void-type": "off",
      "@typescript-eslint/no-confusing-void-expression": "off",
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
    },
  },
  {
    files: ["scripts/*.mjs", "*.config.*"],
    languageOptions: { globals: { process: "readonly", URL: "readonly" } },
  },
  { files: ["vite.config.ts"], extends: [tseslint.configs.recommended] },
);
