// Owns the server that the browser tests talk to: the real one, with known documents, started before them and ended after.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { TestProject } from "vitest/node";

export interface Served {
  /** The page's address. */
  url: string;
  /** Addresses that work once each, and give a browser its cookie. */
  launches: string[];
  token: string;
}

export interface Fixture {
  write: Served;
  /** The same database, and nothing may be changed. */
  read: Served;
  /** The same file, followed. */
  follower: Served;
  /** Another database, of many documents. */
  large: Served;
  /** An encrypted database without a document. */
  empty: Served;
  /** How many. */
  million: number;
}

declare module "vitest" {
  export interface ProvidedContext {
    fixture: Fixture;
    /** The cookie of each server, by its address. */
    cookies: Record<string, { name: string; value: string }>;
  }
}

export default async function start(project: TestProject): Promise<() => void> {
  const program = process.env.FERRUM_FIXTURE;
  if (!program) throw new Error("FERRUM_FIXTURE names no program: run ./test, which builds it");
  const server = spawn(program, [process.env.FERRUM_MILLION ?? "1000000"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const failed = new Promise<never>((_, reject) => {
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`the server ended with status ${code}`)));
  });
  failed.catch(() => {});
  const line = new Promise<string>((resolve) =>
    createInterface({ input: server.stdout }).once("line", resolve),
  );
  const fixture = JSON.parse(await Promise.race([line, failed])) as Fixture;
  project.provide("fixture", fixture);
  project.provide("cookies", {
    [fixture.write.url]: await exchange(fixture.write),
    [fixture.read.url]: await exchange(fixture.read),
    [fixture.follower.url]: await exchange(fixture.follower),
    [fixture.large.url]: await exchange(fixture.large),
    [fixture.empty.url]: await exchange(fixture.empty),
  });
  // It ends when its input does, so that it outlives nobody.
  return () => void server.stdin.end();
}

/** Uses up a launch address, as a browser does. */
async function exchange({ launches }: Served): Promise<{ name: string; value: string }> {
  const response = await fetch(launches.pop() ?? "", { redirect: "manual" });
  const [name, value] = /^([^=]+)=([^;]+)/.exec(response.headers.get("set-cookie") ?? "")?.slice(1) ?? [];
  if (!name || !value) throw new Error(`a launch address gives no cookie: status ${response.status}`);
  return { name, value };
}
