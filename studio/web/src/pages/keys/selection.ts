// Owns which keys are selected, and what is asked before they are deleted.

import { signal } from "@preact/signals";
import { post } from "../../api/client.ts";
import type { Deleted, DryRun, Job } from "../../api/schemas.ts";
import { noteEdit, noteJob, refreshUndos, session, whenEnded } from "../../app/live.ts";
import { toast, toastError } from "../../ui/dialog.tsx";

export const selected = signal<ReadonlySet<string>>(new Set());

export function toggleSelected(key: string): void {
  const next = new Set(selected.value);
  if (!next.delete(key)) next.add(key);
  selected.value = next;
}

/** Selects all of these, up to what one deletion takes. */
export function selectAll(keys: Iterable<string>): void {
  const all = [...new Set([...selected.value, ...keys])];
  selected.value = new Set(all.slice(0, session.value?.limits.selection));
}

export function selectNone(): void {
  selected.value = new Set();
}

/** What is to be deleted: a selection, or all that begins with a prefix. */
export type What = { readonly keys: readonly string[] } | { readonly prefix: string };

export function dryRun(collection: string | undefined, what: What): Promise<DryRun> {
  return post<DryRun>("documents/delete", { collection: collection ?? null, ...what, dry_run: true });
}

/** Deletes, and offers to undo it. */
export async function remove(collection: string | undefined, what: What, version?: number): Promise<boolean> {
  try {
    const confirm = "prefix" in what ? { confirm: what.prefix } : {};
    const answer = await post<Deleted | { job: Job }>("documents/delete", {
      collection: collection ?? null,
      ...what,
      ...confirm,
      ...(version !== undefined && { if_version: version }),
    });
    if ("job" in answer) tellWhenDone(answer.job);
    else tellDeleted(answer);
    selectNone();
    return true;
  } catch (error) {
    toastError(error);
    return false;
  }
}

export async function undo(id: number): Promise<void> {
  try {
    const { job } = await post<{ job: Job }>("undo", { id });
    noteJob(job);
    toast("What was deleted is being brought back.");
    void refreshUndos();
  } catch (error) {
    toastError(error);
  }
}

/** Many documents take a while: the offer to undo comes when they are gone. */
function tellWhenDone(begun: Job): void {
  whenEnded(begun, ({ result }) => {
    if (result && "deleted" in result) tellDeleted(result);
  });
}

function tellDeleted({ deleted, undo: offer }: Deleted): void {
  noteEdit();
  void refreshUndos();
  const text = deleted === 1 ? "1 document was deleted." : `${deleted} documents were deleted.`;
  toast(text, offer ? { action: { label: "Undo", run: () => void undo(offer.id) } } : {});
}

export function undoMinutes(): number {
  return Math.round((session.value?.undo_seconds ?? 0) / 60);
}
