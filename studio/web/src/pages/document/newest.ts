// Owns noticing that the document that is looked at has changed in the meantime. It must never read a document for that.

import { computed } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { get } from "../../api/client.ts";
import type { Document, Keys } from "../../api/schemas.ts";
import { sample } from "../../app/live.ts";

/** Changes with every commit, of another process too, and with nothing else. */
const logBytes = computed(() => (sample.value?.live_bytes ?? 0) + (sample.value?.dead_bytes ?? 0));

/** The document's version by now, if it is another one than is shown; 0 if there is none any more. */
export function useNewest(
  name: string | undefined,
  key: string,
  shown: Document | null | undefined,
): number | undefined {
  const [newest, setNewest] = useState<number | undefined>(undefined);
  const bytes = logBytes.value;
  const version = shown?.version ?? 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: it looks again when something was committed
  useEffect(() => {
    if (shown === undefined) return;
    const abort = new AbortController();
    // Of all keys that begin with this one, it is the first.
    get<Keys>("keys", { collection: name, prefix: key || undefined, limit: 1 }, abort.signal).then(
      ({ keys: [first] }) => {
        const found = first?.key === key ? first.version : 0;
        setNewest(found === version ? undefined : found);
      },
      () => {},
    );
    return () => abort.abort();
  }, [name, key, version, bytes]);
  return newest;
}
