// Owns making the packages that are published: the main one, and that of the platform whose binary is given. Never builds a
// binary, and never changes anything outside the folder that it is told.
//
// node scripts/pack.mjs TARGET BINARY FOLDER
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import platforms from "../lib/platforms.js";

const { targets, packageOf } = platforms;
const [target, binary, given] = process.argv.slice(2);
/** Where npm finds it, too, which runs elsewhere. */
const folder = given && resolve(given);
if (!(target in targets) || !binary || !folder) {
  console.error(
    `usage: node scripts/pack.mjs TARGET BINARY FOLDER, where TARGET is one of ${Object.keys(targets).join(", ")}`,
  );
  process.exit(2);
}

const root = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..");
const { devDependencies, scripts, ...main } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const license = join(root, "..", "LICENSE");

/** Makes a package of files, and gives the path of its tarball. */
function pack(name, manifest, files) {
  const place = join(folder, name);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  for (const file of files) cpSync(file.from, join(place, file.to), { recursive: true });
  writeFileSync(join(place, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", folder], {
    cwd: place,
    encoding: "utf8",
    // There it is a script of the shell.
    shell: process.platform === "win32",
  });
  return join(folder, basename(JSON.parse(packed)[0].filename));
}

/** The package with the binary of one platform. */
function packPlatform() {
  const { os, cpu, libc } = targets[target];
  const { version, license: terms, repository, engines } = main;
  const manifest = {
    name: packageOf(target),
    version,
    description: `The binary of ferrumdb for ${target}.`,
    license: terms,
    repository,
    engines,
    main: "ferrumdb.node",
    files: ["ferrumdb.node"],
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
  };
  return pack(target, manifest, [
    { from: binary, to: "ferrumdb.node" },
    { from: license, to: "LICENSE" },
  ]);
}

/** The package that people install. Each platform's is an optional dependency of the same version. */
function packMain() {
  const optionalDependencies = Object.fromEntries(Object.keys(targets).map((name) => [packageOf(name), main.version]));
  const files = [...main.files, "README.md"].map((name) => ({ from: join(root, name), to: name }));
  return pack("main", { ...main, optionalDependencies }, [...files, { from: license, to: "LICENSE" }]);
}

mkdirSync(folder, { recursive: true });
console.log(packPlatform());
console.log(packMain());
