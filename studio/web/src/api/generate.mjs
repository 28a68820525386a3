// Owns turning the schemas of `studio/openapi.json` into TypeScript, so that the page and the server cannot drift apart.
// `node src/api/generate.mjs` writes `schemas.ts`; with `--check` it only says whether that is up to date.

import { readFileSync, writeFileSync } from "node:fs";

const here = new URL(".", import.meta.url);
const contract = JSON.parse(readFileSync(new URL("../../../openapi.json", here), "utf8"));
const target = new URL("schemas.ts", here);

function type(schema, indent = "") {
  if (schema.$ref) return reference(schema.$ref);
  if (schema.oneOf) return schema.oneOf.map((one) => type(one, indent)).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const kinds = [schema.type].flat();
  return kinds.map((kind) => ofKind(kind, schema, indent)).join(" | ");
}

function ofKind(kind, schema, indent) {
  if (kind === "integer") return "number";
  if (kind === "array") {
    const item = type(schema.items, indent);
    return /[ |]/.test(item) && !item.startsWith("{") ? `(${item})[]` : `${item}[]`;
  }
  if (kind === "object") return object(schema, indent);
  return kind;
}

function object(schema, indent) {
  if (schema.additionalProperties) return `Record<string, ${type(schema.additionalProperties, indent)}>`;
  const deeper = `${indent}  `;
  const lines = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const mark = (schema.required ?? []).includes(name) ? "" : "?";
    const comment = property.description ? `${deeper}/** ${property.description} */\n` : "";
    return `${comment}${deeper}${name}${mark}: ${type(property, deeper)};\n`;
  });
  return `{\n${lines.join("")}${indent}}`;
}

function reference(path) {
  const [name, ...rest] = path.replace("#/components/schemas/", "").split("/");
  return (
    name +
    rest
      .filter((part) => part !== "properties")
      .map((part) => `["${part}"]`)
      .join("")
  );
}

let text =
  "// Owns the shapes of what the server answers. Made from `studio/openapi.json`: never edit it by hand.\n";
for (const [name, schema] of Object.entries(contract.components.schemas)) {
  text += `\n/** ${schema.description ?? name} */\n`;
  text +=
    schema.type === "object"
      ? `export interface ${name} ${object(schema, "")}\n`
      : `export type ${name} = ${type(schema)};\n`;
}

if (!process.argv.includes("--check")) writeFileSync(target, text);
else if (readFileSync(target, "utf8") !== text) {
  console.error("src/api/schemas.ts is not what studio/openapi.json says: run `node src/api/generate.mjs`");
  process.exit(1);
}
