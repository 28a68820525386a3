// Owns the list of collections: what is in each, and dropping one.

import { post } from "../../api/client.ts";
import type { Collection } from "../../api/schemas.ts";
import { collectionLabel, collections, noteEdit, writable } from "../../app/live.ts";
import { href } from "../../app/router.ts";
import { IconButton } from "../../ui/button.tsx";
import { confirm, toast, toastError } from "../../ui/dialog.tsx";
import { visible, whole } from "../../ui/format.ts";
import { Panel } from "../../ui/parts.tsx";

export function Collections() {
  return (
    <Panel title="Collections">
      {/* What scrolls must be reached by keys. */}
      <div class="scroll-x collections" tabIndex={0} role="group" aria-label="Collections">
        <table>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col" class="end">
                Documents
              </th>
              <th scope="col" class="end">
                Indexes
              </th>
              {writable.value && (
                <th scope="col">
                  <span class="hidden-text">Actions</span>
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {collections.value.map((one) => (
              <tr key={one.name ?? ""}>
                <th scope="row" class="wrap">
                  <a href={href("keys", { c: one.name ?? undefined })}>
                    {visible(collectionLabel(one.name))}
                  </a>
                </th>
                <td class="end number">{whole(one.documents)}</td>
                <td class="end number">
                  <a href={href("indexes", { c: one.name ?? undefined })}>{whole(one.indexes)}</a>
                </td>
                {writable.value && (
                  <td class="end">
                    {one.name !== null && (
                      <IconButton
                        icon="trash"
                        label={`Drop ${visible(one.name)}`}
                        onClick={() => void drop(one)}
                      />
                    )}
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

async function drop({ name, documents }: Collection): Promise<void> {
  if (name === null) return;
  const sure = await confirm({
    title: "Drop a collection?",
    text: (
      <p>
        {documents === 1 ? "Its one document is" : `All of its ${whole(documents)} documents are`} deleted
        with their indexes. <strong>There is no undo.</strong>
      </p>
    ),
    action: "Drop",
    danger: true,
    typed: name,
  });
  if (!sure) return;
  try {
    await post("collections/drop", { name, confirm: name });
    toast(`The collection ${visible(name)} was dropped.`);
    noteEdit();
  } catch (error) {
    toastError(error);
  }
}
