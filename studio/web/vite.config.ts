// Owns how the page is built: one small entry, and parts that are loaded when they are first needed.

import { defineConfig } from "vitest/config";

export default defineConfig({
  // Relative, so that the page works under any path that a server gives it.
  base: "./",
  build: {
    target: "es2022",
    // A polyfill would be an inline script in spirit; every browser that the page supports preloads by itself.
    modulePreload: { polyfill: false },
    // An image in a style sheet stays a file: the policy allows no other source.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    license: { fileName: "licenses.md" },
    rolldownOptions: {
      output: {
        // Each page's part is named after its folder.
        chunkFileNames: ({ name, facadeModuleId }) =>
          `assets/${name === "page" ? (facadeModuleId?.split("/").at(-2) ?? name) : name}-[hash].js`,
      },
    },
  },
  test: {
    projects: [
      { extends: true, test: { name: "unit", include: ["src/**/*.test.ts"] } },
      {
        extends: true,
        test: {
          name: "browser",
          include: ["tests/*.test.ts"],
          globalSetup: "tests/server.ts",
          testTimeout: 60_000,
          expect: { poll: { timeout: 30_000, interval: 10 } },
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
