// Owns which platforms there are binaries for, and how the package of each is called. Never loads one.
"use strict";

const targets = {
  "linux-x64-gnu": { rust: "x86_64-unknown-linux-gnu", os: "linux", cpu: "x64", libc: "glibc" },
  "linux-x64-musl": { rust: "x86_64-unknown-linux-musl", os: "linux", cpu: "x64", libc: "musl" },
  "linux-arm64-gnu": { rust: "aarch64-unknown-linux-gnu", os: "linux", cpu: "arm64", libc: "glibc" },
  "linux-arm64-musl": { rust: "aarch64-unknown-linux-musl", os: "linux", cpu: "arm64", libc: "musl" },
  "darwin-x64": { rust: "x86_64-apple-darwin", os: "darwin", cpu: "x64" },
  "darwin-arm64": { rust: "aarch64-apple-darwin", os: "darwin", cpu: "arm64" },
  "win32-x64-msvc": { rust: "x86_64-pc-windows-msvc", os: "win32", cpu: "x64" },
  "win32-arm64-msvc": { rust: "aarch64-pc-windows-msvc", os: "win32", cpu: "arm64" },
};

const packageOf = (target) => `@ferrumdb/${target}`;

/** The libc of this process: Node says in its report which glibc it runs on, if it does. */
function libc() {
  if (process.platform !== "linux") return undefined;
  const report = process.report?.getReport?.();
  return report?.header?.glibcVersionRuntime ? "glibc" : "musl";
}

/** What this process needs: the target's name, or nothing if there is no binary for it. */
function here() {
  const own = libc();
  const matches = ([, { os, cpu, libc }]) => os === process.platform && cpu === process.arch && libc === own;
  return Object.entries(targets).find(matches)?.[0];
}

module.exports = { targets, packageOf, libc, here };
