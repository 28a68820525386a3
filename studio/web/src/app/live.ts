// Owns what the whole page knows of the database: who serves it, its figures as they come in, its collections, its jobs.

import { computed, effect, signal } from "@preact/signals";
import { ApiError, get } from "../api/client.ts";
import type { Collection, Job, Overview, Sample, Series, Session, Undo } from "../api/schemas.ts";
import { toast } from "../ui/dialog.tsx";
import { route } from "./router.ts";

export const session = signal<Session | undefined>(undefined);
/** Why there is no session. */
export const refused = signal<ApiError | undefined>(undefined);
export const overview = signal<Overview | undefined>(undefined);
export const sample = signal<Sample | undefined>(undefined);
export const collections = signal<readonly Collection[]>([]);
export const jobs = signal<readonly Job[]>([]);
export const undos = signal<readonly Undo[]>([]);
export const online = signal(true);
/** Grows when documents have changed through this page: lists look again. */
export const edits = signal(0);

/** Whether this page may change documents. */
export const writable = computed(() => session.value?.access === "write");
/** The collection that is looked at; nothing for the root. */
export const collection = computed(() => route.value.params.get("c") ?? undefined);

export function collectionLabel(name: string | null | undefined): string {
  return name ?? "root";
}

export async function start(): Promise<void> {
  try {
    session.value = await get<Session>("session");
  } catch (error) {
    refused.value = error instanceof ApiError ? error : new ApiError(0, "internal", String(error));
    return;
  }
  effect(() => {
    document.title = `${session.value?.name ?? "Ferrum"} · Ferrum Studio`;
  });
  void refreshCollections();
  void refreshOverview();
  void refreshUndos();
  listen();
}

export async function refreshOverview(): Promise<void> {
  const fresh = await quietly(() => get<Overview>("overview"));
  if (!fresh) return;
  overview.value = fresh;
  if (fresh.sample && !sample.value) sample.value = fresh.sample;
}

export async function refreshCollections(): Promise<void> {
  const fresh = await quietly(() => get<{ collections: Collection[] }>("collections"));
  if (fresh) collections.value = fresh.collections;
}

export async function refreshUndos(): Promise<void> {
  const fresh = await quietly(() => get<{ undos: Undo[] }>("undo"));
  if (fresh) undos.value = fresh.undos;
}

export async function loadSeries(): Promise<readonly Series[]> {
  return (await get<{ series: Series[] }>("metrics")).series;
}

/** After a change that was made here. */
export function noteEdit(): void {
  edits.value += 1;
  void refreshCollections();
}

const waiting = new Map<number, (job: Job) => void>();

/** Takes over a job that was begun here, and says when it has ended. */
export function whenEnded(begun: Job, run: (job: Job) => void): void {
  noteJob(begun);
  const job = jobs.value.find(({ id }) => id === begun.id) ?? begun;
  if (job.state === "running") waiting.set(job.id, run);
  else run(job);
}

/** Takes over a job's newest state, from an answer or an event. */
export function noteJob(job: Job): void {
  const known = jobs.value.find(({ id }) => id === job.id);
  // An event may tell of the end before the answer that says it has begun.
  if (known && known.state !== "running" && job.state === "running") return;
  jobs.value = known ? jobs.value.map((one) => (one.id === job.id ? job : one)) : [job, ...jobs.value];
  if (job.state === "running" || known?.state !== "running") return;
  waiting.get(job.id)?.(job);
  waiting.delete(job.id);
  if (job.state === "failed") toast(`${job.title}: ${job.error?.message ?? "failed"}`, { bad: true });
  if (job.kind === "delete" || job.kind === "undo") noteEdit();
  if (job.kind === "delete" || job.kind === "undo") void refreshUndos();
  void refreshOverview();
}

async function quietly<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) refused.value = error;
    return undefined;
  }
}

function listen(): void {
  const source = new EventSource("./api/events");
  source.addEventListener("open", () => {
    online.value = true;
    void refreshJobs();
  });
  source.addEventListener("error", () => {
    online.value = false;
  });
  source.addEventListener("metrics", (event) => {
    online.value = true;
    sample.value = JSON.parse(event.data) as Sample;
  });
  source.addEventListener("job", (event) => noteJob(JSON.parse(event.data) as Job));
  source.addEventListener("bye", () => {
    online.value = false;
  });
}

async function refreshJobs(): Promise<void> {
  const fresh = await quietly(() => get<{ jobs: Job[] }>("jobs"));
  if (fresh) for (const job of [...fresh.jobs].reverse()) noteJob(job);
}
